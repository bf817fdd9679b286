//! A coordinator and a worker in this process, talking over an in-memory channel: the same services as on a fleet.

use crate::scratch::Scratch;
use crate::settings::WorkerSettings;
use crate::worker;
use anyhow::Context as _;
use hyper_util::rt::TokioIo;
use isoscope_coordinator::{Coordinator, CoordinatorConfig};
use isoscope_proto::link::{Credentials, Link};
use isoscope_worker::{PluginSet, Stop, Worker};
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
    link: Link,
    stop: Stop,
    coordinator: JoinHandle<anyhow::Result<()>>,
    worker: JoinHandle<anyhow::Result<()>>,
    served: CancellationToken,
}

impl Local {
    /// Starts both, with state in a directory of this process.
    pub(crate) async fn start(settings: &WorkerSettings, scratch: &Scratch) -> anyhow::Result<Self> {
        let state = scratch.directory(settings, "run-")?;
        // Nobody waits for tasks that are in work when a local run ends: their job has ended.
        let config = worker::config(settings, "local".to_owned(), state, Duration::ZERO)?;
        // The state goes with the process.
        let durable = false;
        let coordinator = CoordinatorConfig { durable, ..CoordinatorConfig::new(state.join("coordinator")) };
        let coordinator = Coordinator::open(coordinator).await?;
        let (channel, incoming) = connect();
        let served = CancellationToken::new();
        let ended = served.clone().cancelled_owned();
        let coordinator = tokio::spawn(async move {
            coordinator.serve(incoming, ended).await.context("the coordinator in this process")
        });
        let worker = Worker::new(config, PluginSet::built_in()?)?;
        let link = Credentials::none().over(channel);
        let stop = Stop::default();
        let working = worker.run(link.clone(), stop.clone());
        let worker = tokio::spawn(async move { working.await.context("the worker in this process") });
        Ok(Self { link, stop, coordinator, worker, served })
    }

    /// The way to the coordinator's services.
    pub(crate) fn link(&self) -> Link {
        self.link.clone()
    }

    /// Stops the worker, then the coordinator that it still speaks to.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.stop.drain.cancel();
        let worker = self.worker.await;
        self.served.cancel();
        drop(self.link);
        let coordinator = self.coordinator.await;
        worker??;
        coordinator?
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
