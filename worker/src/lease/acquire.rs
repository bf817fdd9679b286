//! Asks for tasks as long as there are free slots, and begins what comes.

use super::calls::{UNARY, pauses, within};
use super::{Shared, execute};
use backon::Retryable as _;
use isoscope_proto::link::Link;
use isoscope_proto::time::to_wire;
use isoscope_proto::v1::worker_service_client::WorkerServiceClient;
use isoscope_proto::v1::{AcquireTasksRequest, ReleaseTaskRequest, TaskLease};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::Status;

/// Longest that the coordinator keeps a request for tasks open.
const LONG_POLL: Duration = Duration::from_secs(20);
/// How much longer than that the answer may take.
const GRACE: Duration = Duration::from_secs(10);
/// Least time between two requests of which the first brought nothing: a coordinator may have no work for this worker and say
/// so at once.
const BREATH: Duration = Duration::from_secs(1);

/// The part of a worker that takes tasks.
pub(super) struct Acquirer {
    pub(super) shared: Arc<Shared>,
    pub(super) client: WorkerServiceClient<Link>,
    pub(super) slots: Arc<Semaphore>,
    /// Where tasks run.
    pub(super) tasks: TaskTracker,
    /// Cancelled when no more tasks are to be taken.
    pub(super) stopping: CancellationToken,
}

impl Acquirer {
    /// Takes tasks until the worker stops. A request that is open by then is waited for, and what it brings is given back.
    pub(super) async fn run(self) {
        while let Some(permit) = self.slot().await {
            let Ok(Some((session, leases))) = self.ask().await else { break };
            let mut first = Some(permit);
            for lease in leases {
                let permit = first.take().or_else(|| Arc::clone(&self.slots).try_acquire_owned().ok());
                match permit.filter(|_| !self.stopping.is_cancelled()) {
                    Some(permit) => self.begin(&session, lease, permit),
                    None => self.release(&session, lease).await,
                }
            }
        }
    }

    async fn slot(&self) -> Option<OwnedSemaphorePermit> {
        tokio::select! {
            biased;
            () = self.stopping.cancelled() => None,
            permit = Arc::clone(&self.slots).acquire_owned() => permit.ok(),
        }
    }

    /// Asks until there is an answer; `None` when the worker stops.
    async fn ask(&self) -> Result<Option<(Arc<str>, Vec<TaskLease>)>, Status> {
        let attempt = || async {
            let session = tokio::select! {
                biased;
                () = self.stopping.cancelled() => return Ok(None),
                session = self.shared.session.live() => session,
            };
            let request = AcquireTasksRequest {
                session_id: session.to_string(),
                max_tasks: 1 + self.slots.available_permits() as u32,
                wait: Some(to_wire(LONG_POLL)),
                loaded_models: self.shared.models.loaded(),
            };
            let breath = Instant::now() + BREATH;
            let mut client = self.client.clone();
            let asked = tokio::select! {
                asked = within(LONG_POLL + GRACE, client.acquire_tasks(request)) => asked,
                // Nothing good can come under it any more.
                () = self.shared.session.ended(&session) => Err(Status::cancelled("the session has ended")),
            };
            // Whatever is wrong, a heartbeat finds out soonest; the keeper alone decides what becomes of the session.
            let answer = asked.inspect_err(|_| self.shared.session.nudge())?;
            if answer.leases.is_empty() {
                tokio::time::sleep_until(breath).await;
            }
            Ok(Some((session, answer.leases)))
        };
        attempt
            .retry(pauses())
            .notify(|status: &Status, pause| {
                tracing::debug!(code = ?status.code(), message = status.message(), ?pause, "no tasks could be asked for");
            })
            .await
    }

    /// Begins a task, unless the session ended while the lease was under way: then it is somebody else's, or will be.
    fn begin(&self, session: &Arc<str>, lease: TaskLease, permit: OwnedSemaphorePermit) {
        if !self.shared.session.is_held(session) {
            return;
        }
        let Some(held) = self.shared.running.add(session, &lease) else { return };
        let (shared, client) = (Arc::clone(&self.shared), self.client.clone());
        self.tasks.spawn(async move {
            execute::run(&shared, &client, held, lease).await;
            drop(permit);
        });
    }

    /// Gives a lease back, best effort: the coordinator takes back by itself what no heartbeat names.
    async fn release(&self, session: &str, lease: TaskLease) {
        let (session_id, task_id) = (session.to_owned(), lease.task_id);
        let request = ReleaseTaskRequest { session_id, task_id, lease_epoch: lease.lease_epoch };
        if let Err(status) = within(UNARY, self.client.clone().release_task(request)).await {
            tracing::debug!(code = ?status.code(), message = status.message(), "a lease could not be given back");
        }
    }
}
