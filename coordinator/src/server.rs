//! The coordinator as a server.

use crate::blobs::{BlobError, Blobs};
use crate::engine::{Engine, EngineError};
use crate::services::{Access, Fleet, Jobs, ResultFiles, Workers, name_the_limit};
use crate::store::{Retries, Store, StoreError};
use crate::uploads::Uploads;
use futures::Stream;
use isoscope_proto::v1::FILE_DESCRIPTOR_SET;
use isoscope_proto::v1::fleet_service_server::FleetServiceServer;
use isoscope_proto::v1::job_service_server::JobServiceServer;
use isoscope_proto::v1::result_service_server::ResultServiceServer;
use isoscope_proto::v1::worker_service_server::WorkerServiceServer;
use std::fs::{File, TryLockError};
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Server;
use tonic::transport::server::Connected;
use tower::util::MapResponseLayer;

/// How often silent workers are looked for, and delayed results tried again.
const SWEEP_EVERY: Duration = Duration::from_millis(500);

/// How a coordinator is set up.
#[derive(Debug, Clone)]
pub struct CoordinatorConfig {
    /// Directory of the database and the blobs.
    pub state_dir: PathBuf,
    /// How long a session lives without a heartbeat.
    pub session_ttl: Duration,
    /// How often workers beat.
    pub heartbeat: Duration,
    /// Losses with a worker after which a task fails its job.
    pub max_losses: u32,
    /// Passing failures after which a task fails its job.
    pub max_failures: u32,
    /// Token that every call must show; none is asked for when absent.
    pub token: Option<String>,
    /// Whether the state is to outlive a crash of the machine. One that goes with its process does not wait for the disk.
    pub durable: bool,
}

impl CoordinatorConfig {
    /// The usual timers and counts, with state in `state_dir`.
    #[must_use]
    pub fn new(state_dir: PathBuf) -> Self {
        let (session_ttl, heartbeat) = (Duration::from_secs(30), Duration::from_secs(10));
        Self { state_dir, session_ttl, heartbeat, max_losses: 3, max_failures: 4, token: None, durable: true }
    }
}

/// The coordinator could not start or serve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CoordinatorError {
    /// The state directory could not be made.
    #[error("the state directory {path} could not be made: {source}")]
    Directory {
        /// The directory.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// Another coordinator works on the same state.
    #[error("another coordinator works on the state directory {path}; stop it, or name another directory")]
    InUse {
        /// The directory.
        path: String,
    },
    /// The store could not be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The blobs could not be opened.
    #[error(transparent)]
    Blobs(#[from] BlobError),
    /// Jobs of an earlier run could not be taken up.
    #[error("a job of an earlier run could not be taken up: {0}")]
    Recover(#[from] EngineError),
    /// The descriptors for reflection are broken.
    #[error("reflection: {0}")]
    Reflection(#[from] tonic_reflection::server::Error),
    /// The server failed.
    #[error("the server failed: {0}")]
    Serve(#[from] tonic::transport::Error),
}

/// A coordinator, open but not serving yet.
pub struct Coordinator {
    engine: Arc<Engine>,
    uploads: Uploads,
    config: CoordinatorConfig,
    /// Held as long as the coordinator lives; the system lets go of it however the process ends.
    _lock: File,
}

impl Coordinator {
    /// Opens the state directory and takes up jobs that were at work.
    ///
    /// # Errors
    /// When the state cannot be opened, or another coordinator has it open.
    pub async fn open(config: CoordinatorConfig) -> Result<Self, CoordinatorError> {
        let state = &config.state_dir;
        let directory = |source| CoordinatorError::Directory { path: state.display().to_string(), source };
        std::fs::create_dir_all(state).map_err(directory)?;
        let lock = lock(state)?;
        let store = Store::open(&state.join("coordinator.sqlite"), config.durable).await?;
        let blobs = Blobs::local(&state.join("blobs"), config.durable)?;
        let uploads = Uploads::open(&state.join("uploads")).map_err(directory)?;
        let retries = Retries { max_failures: config.max_failures, max_losses: config.max_losses };
        let engine = Arc::new(Engine::new(store, blobs, config.session_ttl, retries));
        engine.recover().await?;
        Ok(Self { engine, uploads, config, _lock: lock })
    }

    #[cfg(test)]
    pub(crate) async fn clean_up(&self) -> Result<(), EngineError> {
        self.engine.sweep().await
    }

    /// Serves the connections that arrive at `incoming` until `shutdown`. Calls that wait are answered then, all others are
    /// finished.
    ///
    /// # Errors
    /// When the server fails.
    pub async fn serve<IO>(
        self,
        incoming: impl Stream<Item = io::Result<IO>>,
        shutdown: impl Future<Output = ()>,
    ) -> Result<(), CoordinatorError>
    where
        IO: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
    {
        let engine = self.engine;
        let sweeper = tokio::spawn(sweep(Arc::clone(&engine)));
        let access = Access::new(self.config.token.as_deref());
        let reflection = tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
        let (health_reporter, health) = tonic_health::server::health_reporter();
        health_reporter.set_serving::<JobServiceServer<Jobs>>().await;
        health_reporter.set_serving::<WorkerServiceServer<Workers>>().await;
        let jobs = JobServiceServer::new(Jobs::new(Arc::clone(&engine)));
        let results = ResultServiceServer::new(ResultFiles::new(Arc::clone(&engine)));
        let fleet = FleetServiceServer::new(Fleet::new(Arc::clone(&engine)));
        let workers = Workers::new(Arc::clone(&engine), self.uploads, self.config.heartbeat);
        let stopping = engine.stopping.clone();
        let served = Server::builder()
            .layer(MapResponseLayer::new(name_the_limit))
            .add_service(health)
            .add_service(reflection.build_v1()?)
            .add_service(InterceptedService::new(jobs, access.clone()))
            .add_service(InterceptedService::new(results, access.clone()))
            .add_service(InterceptedService::new(fleet, access.clone()))
            .add_service(InterceptedService::new(WorkerServiceServer::new(workers), access))
            .serve_with_incoming_shutdown(incoming, async move {
                shutdown.await;
                stopping.cancel();
            })
            .await;
        sweeper.abort();
        engine.store.close().await;
        Ok(served?)
    }
}

/// Takes the state directory for this process.
fn lock(state: &Path) -> Result<File, CoordinatorError> {
    let directory = |source| CoordinatorError::Directory { path: state.display().to_string(), source };
    let file = File::create(state.join("lock")).map_err(directory)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(CoordinatorError::InUse { path: state.display().to_string() }),
        Err(TryLockError::Error(source)) => Err(directory(source)),
    }
}

async fn sweep(engine: Arc<Engine>) {
    let mut ticks = tokio::time::interval(SWEEP_EVERY);
    loop {
        ticks.tick().await;
        if let Err(error) = engine.sweep().await {
            tracing::error!(%error, "silent workers could not be looked for");
        }
    }
}
