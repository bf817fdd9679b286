//! A coordinator that does as it is told and notes every call, on connections that can be cut.

use super::super::{Stop, Worker, WorkerConfig};
use crate::PluginSet;
use hyper_util::rt::TokioIo;
use isoscope_core::digest::sha256;
use isoscope_core::task::{BlobRef, Work};
use isoscope_proto::link::{Credentials, Link};
use isoscope_proto::time::{from_wire, to_wire};
use isoscope_proto::v1::worker_service_server::{WorkerService, WorkerServiceServer};
use isoscope_proto::v1::{
    AcquireTasksRequest, AcquireTasksResponse, CompleteTaskRequest, CompleteTaskResponse,
    DownloadBlobRequest, DownloadBlobResponse, FailTaskRequest, FailTaskResponse, HeartbeatRequest,
    HeartbeatResponse, RegisterWorkerRequest, RegisterWorkerResponse, ReleaseTaskRequest,
    ReleaseTaskResponse, Task, TaskLease, UnregisterWorkerRequest, UnregisterWorkerResponse,
    UploadBlobRequest, UploadBlobResponse,
};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::DuplexStream;
use tokio::sync::{Notify, mpsc, watch};
use tokio_util::sync::CancellationToken;
use tonic::transport::{Endpoint, Server, Uri};
use tonic::{Request, Response, Status, Streaming};

pub(super) const TTL: Duration = Duration::from_secs(30);
pub(super) const HEARTBEAT: Duration = Duration::from_secs(10);
/// A study with nothing to look at: its survey is one download, one upload and the answer.
const STUDY: &[u8] = br#"{"name":"nothing"}"#;

/// What a worker called.
#[derive(Debug, Clone)]
pub(super) enum Call {
    Register(RegisterWorkerRequest),
    Unregister(UnregisterWorkerRequest),
    Acquire,
    Heartbeat(HeartbeatRequest),
    Download,
    /// Offset and size of one message.
    Upload(i64, usize),
    Complete(CompleteTaskRequest),
    Fail(FailTaskRequest),
    Release(ReleaseTaskRequest),
}

/// How the coordinator behaves.
pub(super) struct Script {
    calls: mpsc::UnboundedSender<Call>,
    sessions: Mutex<u32>,
    leases: Mutex<VecDeque<TaskLease>>,
    leased: Notify,
    /// Refusals to come, by the name of the call.
    refusals: Mutex<Vec<(&'static str, Status)>>,
    /// Whether downloads are answered.
    pub(super) gate: watch::Sender<bool>,
    /// Bytes of the upload that is under way.
    pub(super) held: Mutex<Vec<u8>>,
    /// Bytes after which an upload breaks, once.
    pub(super) upload_break: Mutex<Option<usize>>,
}

impl Script {
    /// Notes a call, and refuses it when that was asked for: the answer is lost, not the call.
    fn note(&self, name: &'static str, call: Call) -> Result<(), Status> {
        // A test that has seen enough reads no more calls.
        drop(self.calls.send(call));
        let mut refusals = self.refusals.lock().unwrap();
        match refusals.iter().position(|(of, _)| *of == name) {
            Some(i) => Err(refusals.remove(i).1),
            None => Ok(()),
        }
    }

    /// Refuses the next call of this name.
    pub(super) fn refuse(&self, name: &'static str, status: Status) {
        self.refusals.lock().unwrap().push((name, status));
    }

    /// Has a task ready.
    pub(super) fn lease(&self, task_id: &str, lease_epoch: i64) {
        let study = BlobRef { digest: sha256(STUDY), size: STUDY.len() as u64 };
        let task = Some(Task::try_from(&Work::Survey { study }).unwrap());
        let lease = TaskLease {
            task_id: task_id.to_owned(),
            lease_epoch,
            base_directory: "/".to_owned(),
            task,
            ..TaskLease::default()
        };
        self.leases.lock().unwrap().push_back(lease);
        self.leased.notify_one();
    }
}

struct Service(Arc<Script>);

#[tonic::async_trait]
impl WorkerService for Service {
    type DownloadBlobStream = tokio_stream::Once<Result<DownloadBlobResponse, Status>>;

    async fn register_worker(
        &self,
        request: Request<RegisterWorkerRequest>,
    ) -> Result<Response<RegisterWorkerResponse>, Status> {
        let request = request.into_inner();
        let mut session_id = request.session_id.clone();
        self.0.note("register", Call::Register(request))?;
        if session_id.is_empty() {
            let mut sessions = self.0.sessions.lock().unwrap();
            *sessions += 1;
            session_id = format!("session-{sessions}");
        }
        let (session_ttl, heartbeat_interval) = (Some(to_wire(TTL)), Some(to_wire(HEARTBEAT)));
        Ok(Response::new(RegisterWorkerResponse { session_id, session_ttl, heartbeat_interval }))
    }

    async fn unregister_worker(
        &self,
        request: Request<UnregisterWorkerRequest>,
    ) -> Result<Response<UnregisterWorkerResponse>, Status> {
        self.0.note("unregister", Call::Unregister(request.into_inner()))?;
        Ok(Response::new(UnregisterWorkerResponse {}))
    }

    async fn acquire_tasks(
        &self,
        request: Request<AcquireTasksRequest>,
    ) -> Result<Response<AcquireTasksResponse>, Status> {
        let request = request.into_inner();
        let wait = from_wire(request.wait).unwrap();
        self.0.note("acquire", Call::Acquire)?;
        let leased = async {
            loop {
                if let Some(lease) = self.0.leases.lock().unwrap().pop_front() {
                    return lease;
                }
                self.0.leased.notified().await;
            }
        };
        let leases = tokio::time::timeout(wait, leased).await.into_iter().collect();
        Ok(Response::new(AcquireTasksResponse { leases }))
    }

    async fn heartbeat(
        &self,
        request: Request<HeartbeatRequest>,
    ) -> Result<Response<HeartbeatResponse>, Status> {
        self.0.note("heartbeat", Call::Heartbeat(request.into_inner()))?;
        Ok(Response::new(HeartbeatResponse::default()))
    }

    async fn upload_blob(
        &self,
        request: Request<Streaming<UploadBlobRequest>>,
    ) -> Result<Response<UploadBlobResponse>, Status> {
        let (mut parts, mut digest) = (request.into_inner(), None);
        while let Some(part) = parts.message().await? {
            self.0.note("upload", Call::Upload(part.offset, part.data.len()))?;
            let mut held = self.0.held.lock().unwrap();
            if !part.data.is_empty() {
                assert_eq!(part.offset as usize, held.len(), "an upload left a gap or began again");
            }
            held.extend_from_slice(&part.data);
            digest = part.digest;
            if self.0.upload_break.lock().unwrap().take_if(|at| held.len() >= *at).is_some() {
                return Err(Status::unavailable("the connection broke"));
            }
        }
        let committed_bytes = self.0.held.lock().unwrap().len() as i64;
        Ok(Response::new(UploadBlobResponse { digest, committed_bytes }))
    }

    async fn download_blob(
        &self,
        _: Request<DownloadBlobRequest>,
    ) -> Result<Response<Self::DownloadBlobStream>, Status> {
        self.0.note("download", Call::Download)?;
        drop(self.0.gate.subscribe().wait_for(|open| *open).await);
        Ok(Response::new(tokio_stream::once(Ok(DownloadBlobResponse { data: STUDY.to_vec() }))))
    }

    async fn complete_task(
        &self,
        request: Request<CompleteTaskRequest>,
    ) -> Result<Response<CompleteTaskResponse>, Status> {
        self.0.note("complete", Call::Complete(request.into_inner()))?;
        Ok(Response::new(CompleteTaskResponse::default()))
    }

    async fn fail_task(
        &self,
        request: Request<FailTaskRequest>,
    ) -> Result<Response<FailTaskResponse>, Status> {
        self.0.note("fail", Call::Fail(request.into_inner()))?;
        Ok(Response::new(FailTaskResponse {}))
    }

    async fn release_task(
        &self,
        request: Request<ReleaseTaskRequest>,
    ) -> Result<Response<ReleaseTaskResponse>, Status> {
        self.0.note("release", Call::Release(request.into_inner()))?;
        Ok(Response::new(ReleaseTaskResponse {}))
    }
}

/// A network between a worker and the coordinator: `None` when it is down, else what cuts its connections.
type Network = Arc<Mutex<Option<CancellationToken>>>;

/// A made-up coordinator, and the way to it.
pub(super) struct Fake {
    pub(super) script: Arc<Script>,
    pub(super) link: Link,
    calls: mpsc::UnboundedReceiver<Call>,
    network: Network,
    directory: tempfile::TempDir,
}

impl Fake {
    pub(super) fn start() -> Self {
        let (sender, calls) = mpsc::unbounded_channel();
        let script = Arc::new(Script {
            calls: sender,
            sessions: Mutex::default(),
            leases: Mutex::default(),
            leased: Notify::new(),
            refusals: Mutex::default(),
            gate: watch::Sender::new(false),
            held: Mutex::default(),
            upload_break: Mutex::default(),
        });
        let network: Network = Arc::new(Mutex::new(Some(CancellationToken::new())));
        let (accept, incoming) = mpsc::unbounded_channel::<DuplexStream>();
        let incoming = tokio_stream::wrappers::UnboundedReceiverStream::new(incoming);
        let incoming = tokio_stream::StreamExt::map(incoming, Ok::<_, std::io::Error>);
        let service = WorkerServiceServer::new(Service(Arc::clone(&script)));
        tokio::spawn(Server::builder().add_service(service).serve_with_incoming(incoming));
        let link = link(Arc::clone(&network), accept);
        Self { script, link, calls, network, directory: tempfile::tempdir().unwrap() }
    }

    /// Takes the network down, and every connection with it.
    pub(super) fn away(&self) {
        if let Some(cut) = self.network.lock().unwrap().take() {
            cut.cancel();
        }
    }

    /// Brings the network up again.
    pub(super) fn back(&self) {
        *self.network.lock().unwrap() = Some(CancellationToken::new());
    }

    pub(super) fn config(&self) -> WorkerConfig {
        WorkerConfig {
            device: isoscope_encoders::DeviceName::Cpu,
            name: "tested".to_owned(),
            slots: 2,
            row_cache: self.directory.path().to_owned(),
            row_cache_bytes: 1 << 20,
            plugin_directory: None,
            drain: Duration::from_mins(1),
        }
    }

    /// Starts a worker for this coordinator.
    pub(super) fn work(&self, plugin_directory: Option<&Path>) -> Working {
        let config = WorkerConfig { plugin_directory: plugin_directory.map(Path::to_owned), ..self.config() };
        let worker = Worker::new(config, PluginSet::empty()).unwrap();
        let stop = Stop::default();
        Working { stop: stop.clone(), ended: tokio::spawn(worker.run(self.link.clone(), stop)) }
    }

    /// Lets time pass until the worker makes a call that `wanted` takes, and returns what it makes of it. Small steps: every
    /// timer fires in its order, and heartbeats are answered on the way.
    pub(super) async fn until<T>(&mut self, wanted: impl Fn(Call) -> Option<T>) -> T {
        let begun = std::time::Instant::now();
        loop {
            settle().await;
            while let Ok(call) = self.calls.try_recv() {
                if let Some(found) = wanted(call) {
                    return found;
                }
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "the worker never made that call");
            tokio::time::advance(Duration::from_millis(50)).await;
        }
    }

    /// Waits until the task in work has asked for its study.
    pub(super) async fn until_in_work(&mut self) {
        self.until(|call| matches!(call, Call::Download).then_some(())).await;
    }

    /// Waits for a heartbeat that `wanted` takes.
    pub(super) async fn until_beat(
        &mut self,
        wanted: impl Fn(&HeartbeatRequest) -> bool,
    ) -> HeartbeatRequest {
        self.until(|call| match call {
            Call::Heartbeat(beat) if wanted(&beat) => Some(beat),
            _ => None,
        })
        .await
    }

    /// The calls that were not looked at yet.
    pub(super) fn rest(&mut self) -> Vec<Call> {
        std::iter::from_fn(|| self.calls.try_recv().ok()).collect()
    }
}

/// A worker at work.
pub(super) struct Working {
    pub(super) stop: Stop,
    pub(super) ended: tokio::task::JoinHandle<Result<(), crate::WorkerError>>,
}

impl Working {
    /// Lets time pass until the worker has ended.
    pub(super) async fn end(self) -> Result<(), crate::WorkerError> {
        let begun = std::time::Instant::now();
        while !self.ended.is_finished() {
            assert!(begun.elapsed() < Duration::from_secs(30), "the worker never ended");
            pass(Duration::from_millis(50)).await;
        }
        self.ended.await.unwrap()
    }
}

/// Lets some time pass, in small steps.
pub(super) async fn pass(time: Duration) {
    let end = tokio::time::Instant::now() + time;
    while tokio::time::Instant::now() < end {
        tokio::time::advance(Duration::from_millis(50)).await;
        settle().await;
    }
}

/// Lets everything that can go on without the clock go on.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

/// A link whose connections arrive at `accept` as long as the network is up.
fn link(network: Network, accept: mpsc::UnboundedSender<DuplexStream>) -> Link {
    let connector = tower::service_fn(move |_: Uri| {
        let up = network.lock().unwrap().clone();
        let accept = accept.clone();
        async move {
            let cut = up.ok_or(std::io::ErrorKind::ConnectionRefused)?;
            let (ours, mut here) = tokio::io::duplex(1 << 16);
            let (theirs, mut there) = tokio::io::duplex(1 << 16);
            accept.send(theirs).map_err(|_| std::io::ErrorKind::ConnectionRefused)?;
            tokio::spawn(async move {
                tokio::select! {
                    () = cut.cancelled() => {}
                    _ = tokio::io::copy_bidirectional(&mut here, &mut there) => {}
                }
            });
            Ok::<_, std::io::Error>(TokioIo::new(ours))
        }
    });
    let endpoint = Endpoint::from_static("http://made-up");
    Credentials::none().over(endpoint.connect_with_connector_lazy(connector))
}

/// Compiles the C plugin of the plugin host's tests under another id.
pub(crate) fn compile_plugin(directory: &Path, name: &str, id: &str) -> PathBuf {
    let core = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core");
    let (compiler, file) = (std::env::var("CC").unwrap_or_else(|_| "cc".to_owned()), directory.join(name));
    let mut command = std::process::Command::new(&compiler);
    command.args(["-std=c99", "-O1", "-shared", "-fPIC", "-fvisibility=hidden", "-I"]);
    command.arg(core.join("plugin-abi/include")).arg(format!("-DID=\"{id}\"")).arg("-o").arg(&file);
    let done = command.arg(core.join("plugin-host/tests/c/mean_value.c")).output();
    let done = done.unwrap_or_else(|e| panic!("these tests need a C compiler: cannot run {compiler}: {e}"));
    assert!(done.status.success(), "{compiler} failed: {}", String::from_utf8_lossy(&done.stderr));
    file
}
