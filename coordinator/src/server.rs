//! The coordinator as a server.

use crate::blobs::{BlobError, Blobs};
use crate::engine::{Engine, EngineError};
use crate::services::{Jobs, ResultFiles, Workers};
use crate::store::{Store, StoreError};
use futures::Stream;
use isoscope_proto::v1::job_service_server::JobServiceServer;
use isoscope_proto::v1::result_service_server::ResultServiceServer;
use isoscope_proto::v1::worker_service_server::WorkerServiceServer;
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tonic::transport::Server;
use tonic::transport::server::Connected;

/// How often silent workers are looked for.
const REAP_EVERY: Duration = Duration::from_secs(1);

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
}

impl CoordinatorConfig {
    /// The usual timers and counts, with state in `state_dir`.
    #[must_use]
    pub fn new(state_dir: PathBuf) -> Self {
        let (session_ttl, heartbeat) = (Duration::from_secs(30), Duration::from_secs(10));
        Self { state_dir, session_ttl, heartbeat, max_losses: 3, max_failures: 4 }
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
    /// The store could not be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The blobs could not be opened.
    #[error(transparent)]
    Blobs(#[from] BlobError),
    /// Jobs of an earlier run could not be taken up.
    #[error("a job of an earlier run could not be taken up: {0}")]
    Recover(#[from] EngineError),
    /// The server failed.
    #[error("the server failed: {0}")]
    Serve(#[from] tonic::transport::Error),
}

/// A coordinator, open but not serving yet.
pub struct Coordinator {
    engine: Arc<Engine>,
    config: CoordinatorConfig,
}

impl Coordinator {
    /// Opens the state directory and takes up jobs that were at work.
    ///
    /// # Errors
    /// When the state cannot be opened.
    pub async fn open(config: CoordinatorConfig) -> Result<Self, CoordinatorError> {
        std::fs::create_dir_all(&config.state_dir).map_err(|source| CoordinatorError::Directory {
            path: config.state_dir.display().to_string(),
            source,
        })?;
        let store = Store::open(&config.state_dir.join("coordinator.sqlite")).await?;
        let blobs = Blobs::local(&config.state_dir.join("blobs"))?;
        let engine = Engine::new(store, blobs, config.session_ttl, config.max_losses, config.max_failures);
        let engine = Arc::new(engine);
        engine.recover().await?;
        Ok(Self { engine, config })
    }

    /// Serves the connections that arrive at `incoming` until `shutdown`.
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
        let reaper = tokio::spawn(reap(Arc::clone(&self.engine)));
        let served = Server::builder()
            .add_service(JobServiceServer::new(Jobs::new(Arc::clone(&self.engine))))
            .add_service(ResultServiceServer::new(ResultFiles::new(Arc::clone(&self.engine))))
            .add_service(WorkerServiceServer::new(Workers::new(
                Arc::clone(&self.engine),
                self.config.heartbeat,
            )))
            .serve_with_incoming_shutdown(incoming, shutdown)
            .await;
        reaper.abort();
        self.engine.store.close().await;
        Ok(served?)
    }
}

async fn reap(engine: Arc<Engine>) {
    let mut ticks = tokio::time::interval(REAP_EVERY);
    loop {
        ticks.tick().await;
        if let Err(error) = engine.reap().await {
            tracing::error!(%error, "silent workers could not be looked for");
        }
    }
}
