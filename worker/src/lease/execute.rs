//! One leased task: run, then answered.

use super::Shared;
use super::remote_blobs::RemoteBlobs;
use crate::error::WorkerError;
use crate::tasks::{self, Context};
use isoscope_core::task::{Output, Work};
use isoscope_proto::v1::worker_service_client::WorkerServiceClient;
use isoscope_proto::v1::{CompleteTaskRequest, FailTaskRequest, FailureClass, TaskLease, TaskOutput};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::runtime::Handle;
use tonic::transport::Channel;

/// Runs a task on a thread of its own and tells the coordinator how it ended.
pub(super) async fn run(
    shared: Arc<Shared>,
    mut client: WorkerServiceClient<Channel>,
    session: String,
    mut lease: TaskLease,
) {
    let (task_id, lease_epoch) = (lease.task_id.clone(), lease.lease_epoch);
    let in_work = shared.running.add(&task_id, lease_epoch);
    let work = lease.task.take().map(|task| Work::try_from(&task));
    let base = PathBuf::from(&lease.base_directory);
    let (on_thread, link) = (Arc::clone(&shared), client.clone());
    let ran = tokio::task::spawn_blocking(move || {
        let blobs = RemoteBlobs::new(link, Handle::current());
        let context = Context {
            blobs: &blobs,
            plugins: &on_thread.plugins,
            models: &on_thread.models,
            cache: &on_thread.cache,
            base: &base,
            numerics_class: &on_thread.numerics_class,
            revoked: &in_work.revoked,
            progress: &in_work.progress,
        };
        match work {
            Some(Ok(work)) => tasks::run(&context, &work),
            Some(Err(error)) => Err(WorkerError::task(error.to_string())),
            None => Err(WorkerError::task("the lease names no work")),
        }
    });
    let outcome =
        ran.await.unwrap_or_else(|panic| Err(WorkerError::task(format!("the task panicked: {panic}"))));
    let answered = match outcome {
        Ok(output) => complete(&mut client, session, task_id.clone(), lease_epoch, output).await,
        Err(WorkerError::Revoked) => Ok(()),
        Err(error) => fail(&mut client, session, task_id.clone(), lease_epoch, &error).await,
    };
    shared.running.remove(&task_id);
    if let Err(status) = answered {
        tracing::warn!(task = task_id, code = ?status.code(), message = status.message(), "the answer was not taken");
    }
}

async fn complete(
    client: &mut WorkerServiceClient<Channel>,
    session_id: String,
    task_id: String,
    lease_epoch: i64,
    output: Output,
) -> Result<(), tonic::Status> {
    let output = TaskOutput::try_from(&output).map_err(tonic::Status::from)?;
    let output = Some(output);
    client.complete_task(CompleteTaskRequest { session_id, task_id, lease_epoch, output }).await?;
    Ok(())
}

async fn fail(
    client: &mut WorkerServiceClient<Channel>,
    session_id: String,
    task_id: String,
    lease_epoch: i64,
    error: &WorkerError,
) -> Result<(), tonic::Status> {
    let request = FailTaskRequest {
        session_id,
        task_id,
        lease_epoch,
        failure_class: FailureClass::from(error.class()).into(),
        message: error.to_string(),
        field: error.field().to_owned(),
    };
    client.fail_task(request).await?;
    Ok(())
}
