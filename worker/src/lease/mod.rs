//! The life of a worker in a fleet: it registers, asks for tasks, runs them, and answers, whatever happens to the coordinator.
//!
//! ```text
//! keeper ──► session ──► acquire ──► execute ──► answer
//!  register   holds?      long poll   a thread    until taken
//!  heartbeat                                      (drain, at the end)
//! ```
//!
//! The keeper is a task of its own, so that a busy worker never looks dead. Tasks run on threads for blocking work, one each;
//! everything else here is I/O. Whoever loses the session takes the tasks back, and a task that was taken back never answers.

mod acquire;
mod answer;
mod calls;
mod drain;
mod execute;
mod heartbeat;
mod keeper;
mod machine;
mod remote_blobs;
mod running;
mod session;
#[cfg(test)]
pub(crate) mod tests;

use crate::error::WorkerError;
use crate::fetched::Fetched;
use crate::models::Models;
use crate::offer::Offer;
use crate::plugin_directory::{self, PluginDirectory};
use crate::plugins::PluginSet;
use crate::source::RowCache;
use acquire::Acquirer;
use isoscope_encoders::{ComputeDevice, DeviceName};
use isoscope_proto::link::Link;
use isoscope_proto::v1::worker_service_client::WorkerServiceClient;
use keeper::Keeper;
use machine::Machine;
pub use machine::numerics_class;
use running::Running;
use session::Session;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

/// How a worker is set up. None of it changes a number.
#[derive(Debug, Clone)]
pub struct WorkerConfig {
    /// Name for people.
    pub name: String,
    /// Tasks run at once, each on its own thread.
    pub slots: usize,
    /// Device that encoders run on.
    pub device: DeviceName,
    /// Directory of the row cache.
    pub row_cache: PathBuf,
    /// Most bytes in it.
    pub row_cache_bytes: u64,
    /// Directory of plugin files, watched while the worker runs.
    pub plugin_directory: Option<PathBuf>,
    /// Longest wait for the tasks in work when the worker stops.
    pub drain: Duration,
}

/// How a worker is told to stop.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    /// Take no more tasks, and finish those in work.
    pub drain: CancellationToken,
    /// Give back those in work.
    pub now: CancellationToken,
}

/// A worker.
pub struct Worker {
    config: WorkerConfig,
    directory: Option<PluginDirectory>,
    shared: Arc<Shared>,
}

/// What the parts of a worker share.
struct Shared {
    name: String,
    machine: Machine,
    offer: Arc<watch::Sender<Arc<Offer>>>,
    fetched: Fetched,
    models: Models,
    cache: RowCache,
    session: Session,
    running: Arc<Running>,
}

impl Worker {
    /// Sets up a worker. BLAS is set to one thread, because each task already has its own; the allocator keeps the buffers of one
    /// batch for the next.
    ///
    /// # Errors
    /// When the device or the row cache cannot be opened, or the plugin directory cannot be listed.
    pub fn new(config: WorkerConfig, plugins: PluginSet) -> Result<Self, WorkerError> {
        if !isoscope_plugin_host::use_one_blas_thread() {
            tracing::warn!("the BLAS is not OpenBLAS; set its thread count to 1 yourself");
        }
        if !isoscope_plugin_host::keep_freed_memory(config.slots) {
            tracing::debug!("the allocator is not glibc's; it is left as it is");
        }
        let directory = config.plugin_directory.as_ref();
        let directory = directory.map(|path| PluginDirectory::open(path, plugins.clone())).transpose()?;
        let device = ComputeDevice::open(config.device)
            .map_err(|source| WorkerError::Encoder { field: "worker.device".to_owned(), source })?;
        let shared = Shared {
            name: config.name.clone(),
            machine: Machine::new(config.slots, &device),
            offer: Arc::new(watch::Sender::new(Arc::new(Offer::of(plugins)))),
            fetched: Fetched::default(),
            models: Models::new(device),
            cache: RowCache::open(&config.row_cache, config.row_cache_bytes)?,
            session: Session::default(),
            running: Arc::default(),
        };
        Ok(Self { config, directory, shared: Arc::new(shared) })
    }

    /// Works for the coordinator at the end of `link` until told to stop. A coordinator that is away, from the beginning or
    /// later, is waited for. When this returns, threads of tasks that were given back may still be winding down.
    ///
    /// # Errors
    /// When the coordinator refuses this worker for a reason that does not pass.
    pub async fn run(self, link: Link, stop: Stop) -> Result<(), WorkerError> {
        let Self { config, directory, shared } = self;
        let _watching = offer_directory(directory, &shared).await?;
        let client = WorkerServiceClient::new(link);
        let (tasks, stopping) = (TaskTracker::new(), CancellationToken::new());
        let keeper = Keeper::new(Arc::clone(&shared), client.clone(), stopping.clone());
        let mut keeping = AbortOnDropHandle::new(tokio::spawn(keeper.run()));
        let acquirer = Acquirer {
            shared: Arc::clone(&shared),
            client: client.clone(),
            slots: Arc::new(Semaphore::new(config.slots.max(1))),
            tasks: tasks.clone(),
            stopping: stopping.clone(),
        };
        let _acquiring = AbortOnDropHandle::new(tokio::spawn(acquirer.run()));
        tokio::select! {
            ended = &mut keeping => return Err(ended.unwrap_or_else(|panic| WorkerError::task(panic.to_string()))),
            () = stop.drain.cancelled() => {}
            () = stop.now.cancelled() => {}
            () = stopping.cancelled() => {}
        }
        stopping.cancel();
        tracing::info!("stopping: no more tasks are taken");
        drain::finish_or_release(&shared, &client, &tasks, config.drain, &stop.now).await;
        drop(keeping);
        drain::unregister(&shared, &client).await;
        Ok(())
    }
}

/// Loads the plugin directory, then watches it as long as the returned value lives.
async fn offer_directory(
    directory: Option<PluginDirectory>,
    shared: &Shared,
) -> Result<Option<AbortOnDropHandle<()>>, WorkerError> {
    let Some(mut directory) = directory else { return Ok(None) };
    let loading = tokio::task::spawn_blocking(move || (directory.load(), directory));
    let (found, directory) = loading.await.map_err(|panic| WorkerError::task(panic.to_string()))?;
    shared.offer.send_replace(Arc::new(found));
    let watching = plugin_directory::watch(directory, Arc::clone(&shared.offer));
    Ok(Some(AbortOnDropHandle::new(tokio::spawn(watching))))
}
