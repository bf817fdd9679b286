//! The services over an in-memory channel, with a made-up worker.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use crate::fixture;
use crate::{Coordinator, CoordinatorConfig};
use hyper_util::rt::TokioIo;
use isoscope_core::task::{BlobRef, Output, Work};
use isoscope_proto::errors::{self, Reason};
use isoscope_proto::time::to_wire;
use isoscope_proto::v1::job::State;
use isoscope_proto::v1::job_service_client::JobServiceClient;
use isoscope_proto::v1::result_service_client::ResultServiceClient;
use isoscope_proto::v1::worker_service_client::WorkerServiceClient;
use isoscope_proto::v1::{
    AcquireTasksRequest, Capabilities, CompleteTaskRequest, CreateJobRequest, Digest, FailTaskRequest,
    FailureClass, GetJobRequest, GetResultFileRequest, Job, RegisterWorkerRequest, ResultFile, TaskLease,
    TaskOutput, UploadBlobRequest,
};
use std::path::Path;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tonic::Code;
use tonic::transport::{Channel, Endpoint, Uri};

/// A coordinator on one in-memory connection.
struct Served {
    channel: Channel,
    stop: oneshot::Sender<()>,
    server: JoinHandle<()>,
}

async fn serve(directory: &Path) -> Served {
    let coordinator = Coordinator::open(CoordinatorConfig::new(directory.to_owned())).await.unwrap();
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

/// A worker that answers with made-up outputs.
struct Worker {
    client: WorkerServiceClient<Channel>,
    session: String,
}

impl Worker {
    async fn register(channel: &Channel) -> Self {
        let mut client = WorkerServiceClient::new(channel.clone());
        let request = RegisterWorkerRequest {
            protocol_version: isoscope_proto::PROTOCOL_VERSION,
            worker_name: "made-up".to_owned(),
            session_id: String::new(),
            capabilities: Some(Capabilities {
                numerics_class: fixture::NUMERICS.to_owned(),
                ..Capabilities::default()
            }),
        };
        let session = client.register_worker(request).await.unwrap().into_inner().session_id;
        Self { client, session }
    }

    async fn acquire(&mut self) -> Option<TaskLease> {
        let wait = Some(to_wire(Duration::ZERO));
        let request = AcquireTasksRequest { session_id: self.session.clone(), max_tasks: 1, wait };
        self.client.acquire_tasks(request).await.unwrap().into_inner().leases.pop()
    }

    /// Uploads a part; returns how many bytes are there.
    async fn upload(&mut self, bytes: &[u8], offset: usize, end: usize) -> Result<i64, tonic::Status> {
        let blob = BlobRef { digest: isoscope_core::digest::sha256(bytes), size: bytes.len() as u64 };
        let digest = Some(Digest::try_from(&blob).unwrap());
        let part = UploadBlobRequest { digest, offset: offset as i64, data: bytes[offset..end].to_vec() };
        Ok(self.client.upload_blob(tokio_stream::iter([part])).await?.into_inner().committed_bytes)
    }

    async fn answer(&mut self, lease: &TaskLease, output: &Output) -> Result<bool, tonic::Status> {
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

async fn submit(channel: &Channel, request_id: &str) -> Result<Job, tonic::Status> {
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
    let request = GetResultFileRequest { job: job.to_owned(), file: ResultFile::MeasurementsParquet.into() };
    let mut parts =
        ResultServiceClient::new(channel.clone()).get_result_file(request).await.unwrap().into_inner();
    let mut bytes = Vec::new();
    while let Some(part) = parts.message().await.unwrap() {
        bytes.extend(part.data);
    }
    bytes
}

#[tokio::test]
async fn a_job_goes_from_study_to_results_through_the_services() {
    let directory = tempfile::tempdir().unwrap();
    let served = serve(directory.path()).await;
    let job = submit(&served.channel, "r1").await.unwrap();
    assert_eq!(submit(&served.channel, "r1").await.unwrap().name, job.name, "a repeat makes no second job");
    let mut worker = Worker::register(&served.channel).await;
    assert!(worker.work_off(1000).await < 1000);
    let job = ended(&served.channel, &job.name).await;
    assert_eq!(job.state(), State::Succeeded, "{}", job.state_reason);
    assert_eq!(&measurements(&served.channel, &job.name).await[..4], b"PAR1");
    served.end().await;
}

#[tokio::test]
async fn a_coordinator_that_stops_mid_job_finishes_it_after_a_restart_with_the_same_bytes() {
    let whole = tempfile::tempdir().unwrap();
    let served = serve(whole.path()).await;
    let job = submit(&served.channel, "r").await.unwrap();
    Worker::register(&served.channel).await.work_off(1000).await;
    ended(&served.channel, &job.name).await;
    let want = measurements(&served.channel, &job.name).await;
    served.end().await;

    let broken = tempfile::tempdir().unwrap();
    let served = serve(broken.path()).await;
    let job = submit(&served.channel, "r").await.unwrap();
    assert_eq!(Worker::register(&served.channel).await.work_off(4).await, 4, "it stops with work left");
    served.end().await;
    let served = serve(broken.path()).await;
    assert!(Worker::register(&served.channel).await.work_off(1000).await > 0, "work was left");
    assert_eq!(ended(&served.channel, &job.name).await.state(), State::Succeeded);
    assert_eq!(measurements(&served.channel, &job.name).await, want);
    served.end().await;
}

#[tokio::test]
async fn completions_are_idempotent_and_stale_ones_are_aborted() {
    let directory = tempfile::tempdir().unwrap();
    let served = serve(directory.path()).await;
    submit(&served.channel, "r").await.unwrap();
    let mut worker = Worker::register(&served.channel).await;
    let lease = worker.acquire().await.unwrap();
    let output = worker.work(&lease).await;
    let stale = TaskLease { lease_epoch: lease.lease_epoch - 1, ..lease.clone() };
    assert_eq!(worker.answer(&stale, &output).await.unwrap_err().code(), Code::Aborted);
    assert!(!worker.answer(&lease, &output).await.unwrap());
    assert!(worker.answer(&lease, &output).await.unwrap(), "the same answer again is a duplicate");
    worker.session = "nobody".to_owned();
    let request = AcquireTasksRequest { session_id: "nobody".to_owned(), max_tasks: 1, wait: None };
    let refused = worker.client.acquire_tasks(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert_eq!(errors::reason(&refused), Some(Reason::SessionExpired));
    served.end().await;
}

#[tokio::test]
async fn a_broken_upload_goes_on_at_its_offset() {
    let directory = tempfile::tempdir().unwrap();
    let served = serve(directory.path()).await;
    let mut worker = Worker::register(&served.channel).await;
    let bytes = b"some state, in two parts";
    assert_eq!(worker.upload(bytes, 0, 10).await.unwrap(), 10, "a part is not the whole");
    assert_eq!(worker.upload(bytes, 15, bytes.len()).await.unwrap_err().code(), Code::OutOfRange);
    assert_eq!(worker.upload(bytes, 10, bytes.len()).await.unwrap(), bytes.len() as i64);
    let blob = BlobRef { digest: isoscope_core::digest::sha256(bytes), size: bytes.len() as u64 };
    let request = isoscope_proto::v1::DownloadBlobRequest { digest: Some(Digest::try_from(&blob).unwrap()) };
    let mut parts = worker.client.download_blob(request).await.unwrap().into_inner();
    assert_eq!(parts.message().await.unwrap().unwrap().data, bytes);
    served.end().await;
}

#[tokio::test]
async fn wrong_input_fails_the_job_at_once_with_the_field() {
    let directory = tempfile::tempdir().unwrap();
    let served = serve(directory.path()).await;
    let job = submit(&served.channel, "r").await.unwrap();
    let mut worker = Worker::register(&served.channel).await;
    let lease = worker.acquire().await.unwrap();
    let request = FailTaskRequest {
        session_id: worker.session.clone(),
        task_id: lease.task_id,
        lease_epoch: lease.lease_epoch,
        failure_class: FailureClass::Input.into(),
        message: "there is no such file".to_owned(),
        field: "dataset[0]".to_owned(),
    };
    worker.client.fail_task(request).await.unwrap();
    let request = GetJobRequest { name: job.name };
    let job = JobServiceClient::new(served.channel.clone())
        .get_job(request)
        .await
        .unwrap()
        .into_inner()
        .job
        .unwrap();
    assert_eq!(job.state(), State::Failed);
    assert_eq!(job.violations[0].field, "dataset[0]");
    served.end().await;
}

#[tokio::test]
async fn a_study_that_makes_no_sense_is_refused_with_every_field() {
    let directory = tempfile::tempdir().unwrap();
    let served = serve(directory.path()).await;
    let request = CreateJobRequest {
        study_json: br#"{"name": "x", "modle": [], "dataset": [{"nmae": "d"}]}"#.to_vec(),
        request_id: "r".to_owned(),
        ..CreateJobRequest::default()
    };
    let refused = JobServiceClient::new(served.channel.clone()).create_job(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let fields: Vec<String> = errors::violations(&refused).into_iter().map(|v| v.field).collect();
    assert_eq!(fields, ["dataset[0].nmae", "modle"]);
    served.end().await;
}
