//! A coordinator and a worker in this process, talking over an in-memory channel: the same services as on a fleet.

use crate::settings::WorkerSettings;
use anyhow::Context as _;
use hyper_util::rt::TokioIo;
use isoscope_coordinator::{Coordinator, CoordinatorConfig};
use isoscope_worker::{PluginSet, Worker, WorkerConfig};
use std::time::Duration;
use tokio::io::DuplexStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint, Uri};

/// Bytes that an in-memory connection buffers in each direction.
const BUFFER: usize = 1 << 20;

/// A coordinator and a worker that live as long as this value.
pub(crate) struct Local {
    channel: Channel,
    stop: CancellationToken,
    coordinator: JoinHandle<anyhow::Result<()>>,
    worker: JoinHandle<anyhow::Result<()>>,
    state: tempfile::TempDir,
}

impl Local {
    /// Starts both, with state in a directory of their own.
    pub(crate) async fn start(settings: &WorkerSettings) -> anyhow::Result<Self> {
        let parent = settings.resolved_state_directory();
        std::fs::create_dir_all(&parent)
            .with_context(|| format!("the state directory {}", parent.display()))?;
        let state = tempfile::Builder::new().prefix("run-").tempdir_in(&parent)?;
        let coordinator = Coordinator::open(CoordinatorConfig::new(state.path().join("coordinator"))).await?;
        let stop = CancellationToken::new();
        let (channel, incoming) = connect();
        let stopped = stop.clone();
        let coordinator = tokio::spawn(async move {
            coordinator
                .serve(incoming, stopped.cancelled_owned())
                .await
                .context("the coordinator in this process")
        });
        let worker = Worker::new(
            WorkerConfig {
                name: "local".to_owned(),
                slots: settings.resolved_slots(),
                row_cache: state.path().join("rows"),
                row_cache_bytes: settings.row_cache_bytes,
            },
            PluginSet::built_in()?,
        )?;
        let (link, stopped) = (channel.clone(), stop.clone());
        let worker =
            tokio::spawn(
                async move { worker.run(link, stopped).await.context("the worker in this process") },
            );
        Ok(Self { channel, stop, coordinator, worker, state })
    }

    /// The way to the coordinator's services.
    pub(crate) fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// Stops both and removes their state.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.stop.cancel();
        drop(self.channel);
        let (worker, coordinator) = tokio::join!(self.worker, self.coordinator);
        worker??;
        coordinator??;
        self.state.close().context("the state directory could not be removed")
    }
}

/// Makes a channel whose connections arrive at the returned stream.
fn connect() -> (Channel, impl tokio_stream::Stream<Item = std::io::Result<DuplexStream>> + Send + 'static) {
    let (accept, incoming) = mpsc::unbounded_channel();
    let connector = tower::service_fn(move |_: Uri| {
        let accept = accept.clone();
        async move {
            let (ours, theirs) = tokio::io::duplex(BUFFER);
            accept.send(theirs).map_err(|_| std::io::Error::from(std::io::ErrorKind::ConnectionRefused))?;
            Ok::<_, std::io::Error>(TokioIo::new(ours))
        }
    });
    // The address is never looked up: the connector above ignores it.
    let endpoint = Endpoint::from_static("http://in-memory").keep_alive_timeout(Duration::from_secs(20));
    (endpoint.connect_with_connector_lazy(connector), UnboundedReceiverStream::new(incoming).map(Ok))
}
