//! The services over an in-memory channel, with a made-up worker.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod jobs;
mod misuse;
mod placement;
mod recovery;

use crate::fixture;
use crate::{Coordinator, CoordinatorConfig};
use hyper_util::rt::TokioIo;
use isoscope_core::task::{BlobRef, Output, Work};
use isoscope_proto::time::to_wire;
use isoscope_proto::v1::job_service_client::JobServiceClient;
use isoscope_proto::v1::result_service_client::ResultServiceClient;
use isoscope_proto::v1::worker_service_client::WorkerServiceClient;
use isoscope_proto::v1::{
    AcquireTasksRequest, Capabilities, CompleteTaskRequest, CreateJobRequest, Digest, FailTaskRequest,
    FailureClass, GetJobRequest, GetResultFileRequest, HeartbeatRequest, Job, JobEvent, ListJobEventsRequest,
    OfferedPlugin, RegisterWorkerRequest, TaskLease, TaskOutput, TaskProgress, UploadBlobRequest,
};
use std::path::Path;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::Status;
use tonic::transport::{Channel, Endpoint, Uri};

/// A coordinator on one in-memory connection.
struct Served {
    channel: Channel,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

async fn serve(directory: &Path) -> Served {
    serve_with(CoordinatorConfig::new(directory.to_owned())).await
}

async fn serve_with(config: CoordinatorConfig) -> Served {
    let coordinator = Coordinator::open(config).await.unwrap();
    let (ours, theirs) = tokio::io::duplex(1 << 20);
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(async move {
        let incoming = tokio_stream::iter([Ok(theirs)]);
        // The stream stays open, or the server would end with its last connection.
        let incoming = futures::StreamExt::chain(incoming, futures::stream::pending());
        coordinator.serve(incoming, async { drop(stopped.await) }).await.unwrap();
    });
    let mut once = Some(TokioIo::new(ours));
    let connector = tower::service_fn(move |_: Uri| {
        let connection =
            once.take().ok_or_else(|| std::io::Error::from(std::io::ErrorKind::ConnectionRefused));
        async move { connection }
    });
    let channel = Endpoint::from_static("http://in-memory").connect_with_connector(connector).await.unwrap();
    Served { channel, stop, server }
}

impl Served {
    async fn end(self) {
        drop(self.channel);
        self.stop.send(()).unwrap();
        self.server.await.unwrap();
    }
}

/// What the made-up worker can do: all that the made-up study asks for.
fn capabilities() -> Capabilities {
    let plugin = &fixture::facts(1).plugins[0];
    Capabilities {
        numerics_class: fixture::NUMERICS.to_owned(),
        encoder_families: vec!["bert".to_owned()],
        slots: 2,
        plugins: vec![OfferedPlugin {
            id: plugin.manifest.id.clone(),
            version: plugin.manifest.version.clone(),
            digest: plugin.digest.clone(),
            source: plugin.source.clone(),
            manifest_json: serde_json::to_string(&plugin.manifest).unwrap(),
        }],
        ..Capabilities::default()
    }
}

fn registration(name: &str, session: &str, capabilities: Capabilities) -> RegisterWorkerRequest {
    RegisterWorkerRequest {
        protocol_version: isoscope_proto::PROTOCOL_VERSION,
        worker_name: name.to_owned(),
        session_id: session.to_owned(),
        capabilities: Some(capabilities),
    }
}

/// A worker that answers with made-up outputs.
struct Worker {
    client: WorkerServiceClient<Channel>,
    session: String,
}

impl Worker {
    async fn register(channel: &Channel) -> Self {
        Self::register_as(channel, "made-up", capabilities()).await
    }

    async fn register_as(channel: &Channel, name: &str, capabilities: Capabilities) -> Self {
        let mut client = WorkerServiceClient::new(channel.clone());
        let request = registration(name, "", capabilities);
        let session = client.register_worker(request).await.unwrap().into_inner().session_id;
        Self { client, session }
    }

    async fn acquire(&mut self) -> Option<TaskLease> {
        self.acquire_knowing(Vec::new()).await
    }

    async fn acquire_knowing(&mut self, loaded_models: Vec<String>) -> Option<TaskLease> {
        let wait = Some(to_wire(Duration::ZERO));
        let session_id = self.session.clone();
        let request = AcquireTasksRequest { session_id, max_tasks: 1, wait, loaded_models };
        self.client.acquire_tasks(request).await.unwrap().into_inner().leases.pop()
    }

    async fn beat(&mut self, held: &[&TaskLease], draining: bool) -> Result<Vec<String>, Status> {
        let running = held.iter().map(|lease| TaskProgress {
            task_id: lease.task_id.clone(),
            lease_epoch: lease.lease_epoch,
            progress: 0,
        });
        let request =
            HeartbeatRequest { session_id: self.session.clone(), running: running.collect(), draining };
        Ok(self.client.heartbeat(request).await?.into_inner().revoked_task_ids)
    }

    async fn fail(&mut self, lease: &TaskLease, class: FailureClass, field: &str) -> Result<(), Status> {
        let request = FailTaskRequest {
            session_id: self.session.clone(),
            task_id: lease.task_id.clone(),
            lease_epoch: lease.lease_epoch,
            failure_class: class.into(),
            message: "made-up failure".to_owned(),
            field: field.to_owned(),
        };
        self.client.fail_task(request).await.map(|_| ())
    }

    /// Uploads a part; returns how many bytes are there.
    async fn upload(&mut self, bytes: &[u8], offset: usize, end: usize) -> Result<i64, Status> {
        let blob = BlobRef { digest: isoscope_core::digest::sha256(bytes), size: bytes.len() as u64 };
        let digest = Some(Digest::try_from(&blob).unwrap());
        let part = UploadBlobRequest { digest, offset: offset as i64, data: bytes[offset..end].to_vec() };
        Ok(self.client.upload_blob(tokio_stream::iter([part])).await?.into_inner().committed_bytes)
    }

    async fn answer(&mut self, lease: &TaskLease, output: &Output) -> Result<bool, Status> {
        let request = CompleteTaskRequest {
            session_id: self.session.clone(),
            task_id: lease.task_id.clone(),
            lease_epoch: lease.lease_epoch,
            output: Some(TaskOutput::try_from(output).unwrap()),
        };
        Ok(self.client.complete_task(request).await?.into_inner().duplicate)
    }

    /// Makes up the output of a task and uploads its blobs.
    async fn work(&mut self, lease: &TaskLease) -> Output {
        let work = Work::try_from(lease.task.as_ref().unwrap()).unwrap();
        if matches!(work, Work::Survey { .. }) {
            let facts = serde_json::to_vec(&fixture::facts(10)).unwrap();
            self.upload(&facts, 0, facts.len()).await.unwrap();
            return Output::Facts(BlobRef {
                digest: isoscope_core::digest::sha256(&facts),
                size: facts.len() as u64,
            });
        }
        let answer = fixture::answer(&fixture::plan(10, 3), &work, 2);
        for bytes in &answer.blobs {
            self.upload(bytes, 0, bytes.len()).await.unwrap();
        }
        answer.output
    }

    /// Does up to `most` tasks; returns how many there were.
    async fn work_off(&mut self, most: usize) -> usize {
        for done in 0..most {
            let Some(lease) = self.acquire().await else { return done };
            let output = self.work(&lease).await;
            assert!(!self.answer(&lease, &output).await.unwrap());
        }
        most
    }
}

async fn submit(channel: &Channel, request_id: &str) -> Result<Job, Status> {
    let request = CreateJobRequest {
        study_json: fixture::study_json(3).to_string().into_bytes(),
        request_id: request_id.to_owned(),
        validate_only: false,
        base_directory: "/".to_owned(),
    };
    Ok(JobServiceClient::new(channel.clone()).create_job(request).await?.into_inner().job.unwrap())
}

/// Waits for the end of a job by watching it.
async fn ended(channel: &Channel, name: &str) -> Job {
    let request = isoscope_proto::v1::WatchJobRequest { name: name.to_owned(), resume_token: String::new() };
    let mut changes = JobServiceClient::new(channel.clone()).watch_job(request).await.unwrap().into_inner();
    let mut last = None;
    while let Some(change) = changes.message().await.unwrap() {
        last = change.job;
    }
    last.unwrap()
}

async fn measurements(channel: &Channel, job: &str) -> Vec<u8> {
    let request = GetResultFileRequest { job: job.to_owned(), name: "measurements.parquet".to_owned() };
    let mut parts =
        ResultServiceClient::new(channel.clone()).get_result_file(request).await.unwrap().into_inner();
    let mut bytes = Vec::new();
    while let Some(part) = parts.message().await.unwrap() {
        bytes.extend(part.data);
    }
    bytes
}

async fn get(channel: &Channel, name: &str) -> Job {
    let request = GetJobRequest { name: name.to_owned() };
    JobServiceClient::new(channel.clone()).get_job(request).await.unwrap().into_inner().job.unwrap()
}

async fn events(channel: &Channel, name: &str) -> Vec<JobEvent> {
    let request = ListJobEventsRequest { name: name.to_owned(), ..ListJobEventsRequest::default() };
    JobServiceClient::new(channel.clone()).list_job_events(request).await.unwrap().into_inner().events
}

async fn kinds(channel: &Channel, name: &str) -> Vec<String> {
    events(channel, name).await.into_iter().map(|event| event.kind).collect()
}
