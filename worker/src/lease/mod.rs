//! The lease loop: registers, asks for tasks, runs them, and answers.
//!
//! Heartbeats are a task of their own, so that a busy worker never looks dead. Tasks run on threads for blocking work, one
//! each; everything else here is I/O.

mod execute;
mod heartbeat;
mod remote_blobs;
mod running;

use crate::error::WorkerError;
use crate::models::Models;
use crate::plugins::PluginSet;
use crate::source::RowCache;
use isoscope_proto::time::{from_wire, to_wire};
use isoscope_proto::v1::worker_service_client::WorkerServiceClient;
use isoscope_proto::v1::{
    AcquireTasksRequest, Capabilities, OfferedPlugin, RegisterWorkerRequest, TaskLease,
};
use isoscope_proto::{PROTOCOL_VERSION, errors};
use running::Running;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

/// Longest that the coordinator keeps a request for tasks open.
const LONG_POLL: Duration = Duration::from_secs(20);
/// Heartbeat interval when the coordinator names none.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// How a worker is set up. None of it changes a number.
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    /// Name for people.
    pub name: String,
    /// Tasks run at once, each on its own thread.
    pub slots: usize,
    /// Directory of the row cache.
    pub row_cache: PathBuf,
    /// Most bytes in it.
    pub row_cache_bytes: u64,
}

/// A worker.
pub struct Worker {
    config: WorkerConfig,
    shared: Arc<Shared>,
}

/// What the tasks of a worker share.
pub(crate) struct Shared {
    pub(crate) plugins: PluginSet,
    pub(crate) models: Models,
    pub(crate) cache: RowCache,
    pub(crate) numerics_class: String,
    pub(crate) running: Running,
}

/// Describes the class of machines whose bits equal this one's: device, dtype, kernels and the vector unit they dispatch to.
#[must_use]
pub fn numerics_class() -> String {
    format!("cpu-f32-packed1-{}-{}", std::env::consts::ARCH, vector_unit())
}

#[cfg(target_arch = "x86_64")]
fn vector_unit() -> &'static str {
    if std::is_x86_feature_detected!("avx512f") {
        "avx512"
    } else if std::is_x86_feature_detected!("avx2") {
        "avx2"
    } else {
        "base"
    }
}

#[cfg(not(target_arch = "x86_64"))]
fn vector_unit() -> &'static str {
    "base"
}

impl Worker {
    /// Sets up a worker. BLAS is set to one thread, because each task already has its own.
    ///
    /// # Errors
    /// When the row cache cannot be opened.
    pub fn new(config: WorkerConfig, plugins: PluginSet) -> Result<Self, WorkerError> {
        if !isoscope_plugin_host::use_one_blas_thread() {
            tracing::warn!("the BLAS is not OpenBLAS; set its thread count to 1 yourself");
        }
        let cache = RowCache::open(&config.row_cache, config.row_cache_bytes)?;
        let (models, running) = (Models::default(), Running::default());
        let shared = Shared { plugins, models, cache, numerics_class: numerics_class(), running };
        Ok(Self { config, shared: Arc::new(shared) })
    }

    /// Works for the coordinator at the end of `channel` until `stop`; tasks in work are finished first.
    ///
    /// # Errors
    /// When the coordinator cannot be reached or refuses this worker.
    pub async fn run(self, channel: Channel, stop: CancellationToken) -> Result<(), WorkerError> {
        let mut client = WorkerServiceClient::new(channel);
        let mut session = self.register(&mut client, String::new()).await?;
        let slots = Arc::new(Semaphore::new(self.config.slots.max(1)));
        let mut tasks = JoinSet::new();
        loop {
            let permit = tokio::select! {
                () = stop.cancelled() => break,
                permit = Arc::clone(&slots).acquire_owned() => permit.map_err(|e| WorkerError::task(e.to_string()))?,
            };
            let request = AcquireTasksRequest {
                session_id: session.id.clone(),
                max_tasks: 1 + slots.available_permits() as u32,
                wait: Some(to_wire(LONG_POLL)),
            };
            let answer = tokio::select! {
                () = stop.cancelled() => break,
                answer = client.acquire_tasks(request) => answer,
            };
            match answer {
                Ok(answer) => {
                    for (lease, permit) in answer.into_inner().leases.into_iter().zip(permits(permit, &slots))
                    {
                        self.start(&mut tasks, &client, &session.id, lease, permit);
                    }
                }
                Err(status) if errors::reason(&status) == Some(errors::Reason::SessionExpired) => {
                    session = self.register(&mut client, String::new()).await?;
                }
                Err(status) => return Err(status.into()),
            }
            while tasks.try_join_next().is_some() {}
        }
        while tasks.join_next().await.is_some() {}
        Ok(())
    }

    async fn register(
        &self,
        client: &mut WorkerServiceClient<Channel>,
        held: String,
    ) -> Result<Session, WorkerError> {
        let request = RegisterWorkerRequest {
            protocol_version: PROTOCOL_VERSION,
            worker_name: self.config.name.clone(),
            session_id: held,
            capabilities: Some(self.capabilities()),
        };
        let answer = client.register_worker(request).await?.into_inner();
        let interval = from_wire(answer.heartbeat_interval).unwrap_or(HEARTBEAT);
        let beat =
            heartbeat::run(client.clone(), answer.session_id.clone(), interval, Arc::clone(&self.shared));
        Ok(Session { id: answer.session_id, _heartbeat: AbortOnDrop(tokio::spawn(beat)) })
    }

    fn capabilities(&self) -> Capabilities {
        let plugins = self.shared.plugins.facts().into_iter().map(|plugin| OfferedPlugin {
            id: plugin.manifest.id,
            version: plugin.manifest.version,
            digest: plugin.digest,
        });
        Capabilities {
            device: "cpu".to_owned(),
            numerics_class: self.shared.numerics_class.clone(),
            slots: self.config.slots as u32,
            memory_bytes: 0,
            encoder_families: vec!["bert".to_owned()],
            plugins: plugins.collect(),
        }
    }

    fn start(
        &self,
        tasks: &mut JoinSet<()>,
        client: &WorkerServiceClient<Channel>,
        session: &str,
        lease: TaskLease,
        permit: OwnedSemaphorePermit,
    ) {
        let (shared, client, session) = (Arc::clone(&self.shared), client.clone(), session.to_owned());
        tasks.spawn(async move {
            execute::run(shared, client, session, lease).await;
            drop(permit);
        });
    }
}

/// A session and the heartbeats that keep it.
struct Session {
    id: String,
    _heartbeat: AbortOnDrop,
}

struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The permit in hand, then as many more as are free.
fn permits(
    first: OwnedSemaphorePermit,
    slots: &Arc<Semaphore>,
) -> impl Iterator<Item = OwnedSemaphorePermit> {
    let slots = Arc::clone(slots);
    std::iter::once(first).chain(std::iter::from_fn(move || Arc::clone(&slots).try_acquire_owned().ok()))
}
