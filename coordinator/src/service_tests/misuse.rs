//! Misuse, and what it is answered with.

use super::*;
use isoscope_proto::errors::{self, Reason};
use isoscope_proto::v1::{ListJobsRequest, WatchJobRequest};
use tonic::Code;

#[tokio::test]
async fn completions_are_idempotent_and_stale_ones_are_aborted() {
    let directory = tempfile::tempdir().unwrap();
    let served = serve(directory.path()).await;
    submit(&served.channel, "r").await.unwrap();
    let mut worker = Worker::register(&served.channel).await;
    let lease = worker.acquire().await.unwrap();
    let output = worker.work(&lease).await;
    let stale = TaskLease { lease_epoch: lease.lease_epoch - 1, ..lease.clone() };
    let refused = worker.answer(&stale, &output).await.unwrap_err();
    assert_eq!(refused.code(), Code::Aborted);
    assert_eq!(errors::reason(&refused), Some(Reason::LeaseLost));
    assert!(!worker.answer(&lease, &output).await.unwrap());
    assert!(worker.answer(&lease, &output).await.unwrap(), "the same answer again is a duplicate");
    worker.session = "nobody".to_owned();
    let request = AcquireTasksRequest { session_id: "nobody".to_owned(), ..AcquireTasksRequest::default() };
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

#[tokio::test]
async fn parameters_are_checked_against_the_manifests_of_connected_workers_at_submission() {
    let directory = tempfile::tempdir().unwrap();
    let served = serve(directory.path()).await;
    Worker::register(&served.channel).await;
    let mut study = fixture::study_json(3);
    study["metric"] = serde_json::json!([
        {"id": "spectrum.isoscore", "params": {"tol": 1}}, {"id": "spectrum.isoscor"}
    ]);
    let request = CreateJobRequest {
        study_json: study.to_string().into_bytes(),
        request_id: "r".to_owned(),
        ..CreateJobRequest::default()
    };
    let refused = JobServiceClient::new(served.channel.clone()).create_job(request).await.unwrap_err();
    assert_eq!(errors::reason(&refused), Some(Reason::InvalidStudy));
    let fields: Vec<String> = errors::violations(&refused).into_iter().map(|v| v.field).collect();
    assert_eq!(fields, ["metric[0].params", "metric[1].id"]);
    served.end().await;
}

#[tokio::test]
async fn a_session_that_is_not_held_cannot_be_taken_up() {
    let directory = tempfile::tempdir().unwrap();
    let served = serve(directory.path()).await;
    let mut client = WorkerServiceClient::new(served.channel.clone());
    let refused = client.register_worker(registration("w", "made-up", capabilities())).await.unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert_eq!(errors::reason(&refused), Some(Reason::SessionExpired));
    served.end().await;
}

#[tokio::test]
async fn an_oversized_message_is_named_as_such() {
    let directory = tempfile::tempdir().unwrap();
    let served = serve(directory.path()).await;
    let request = CreateJobRequest { study_json: vec![b' '; 5 << 20], ..CreateJobRequest::default() };
    let refused = JobServiceClient::new(served.channel.clone()).create_job(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted, "{}", refused.message());
    assert_eq!(errors::reason(&refused), Some(Reason::TooLarge));
    served.end().await;
}

#[tokio::test]
async fn malformed_tokens_and_ids_are_refused_with_their_field() {
    let directory = tempfile::tempdir().unwrap();
    let served = serve(directory.path()).await;
    let job = submit(&served.channel, "r").await.unwrap();
    let mut jobs = JobServiceClient::new(served.channel.clone());
    let request = ListJobsRequest { page_token: "x".to_owned(), ..ListJobsRequest::default() };
    let page = jobs.list_jobs(request).await.unwrap_err();
    assert_eq!(errors::violations(&page)[0].field, "page_token");
    let request = WatchJobRequest { name: job.name, resume_token: "x".to_owned() };
    let resume = jobs.watch_job(request).await.unwrap_err();
    assert_eq!(errors::violations(&resume)[0].field, "resume_token");
    let missing = jobs.get_job(GetJobRequest { name: "jobs/none".to_owned() }).await.unwrap_err();
    assert_eq!(missing.code(), Code::NotFound);
    served.end().await;
}

#[tokio::test]
async fn an_output_whose_bytes_never_came_is_refused_and_the_lease_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let served = serve(directory.path()).await;
    submit(&served.channel, "r").await.unwrap();
    let mut worker = Worker::register(&served.channel).await;
    let lease = worker.acquire().await.unwrap();
    let nowhere = BlobRef { digest: isoscope_core::digest::sha256(b"never sent"), size: 10 };
    let refused = worker.answer(&lease, &Output::Facts(nowhere)).await.unwrap_err();
    assert_eq!(errors::reason(&refused), Some(Reason::BlobMissing));
    let output = worker.work(&lease).await;
    assert!(!worker.answer(&lease, &output).await.unwrap());
    served.end().await;
}

#[tokio::test]
async fn without_the_token_nothing_is_answered() {
    let directory = tempfile::tempdir().unwrap();
    let token = Some("0123456789abcdef".to_owned());
    let config = CoordinatorConfig { token, ..CoordinatorConfig::new(directory.path().to_owned()) };
    let served = serve_with(config).await;
    let refused = submit(&served.channel, "r").await.unwrap_err();
    assert_eq!(refused.code(), Code::Unauthenticated);
    assert_eq!(errors::reason(&refused), Some(Reason::Token));
    let link = isoscope_proto::link::Credentials::bearer("0123456789abcdef").unwrap();
    let mut jobs = JobServiceClient::new(link.over(served.channel.clone()));
    assert!(jobs.list_jobs(ListJobsRequest::default()).await.is_ok());
    drop(jobs);
    served.end().await;
}

#[tokio::test]
async fn a_second_coordinator_on_the_same_state_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let served = serve(directory.path()).await;
    let second = Coordinator::open(CoordinatorConfig::new(directory.path().to_owned())).await;
    assert!(matches!(second.map(|_| ()), Err(crate::CoordinatorError::InUse { .. })));
    served.end().await;
    assert!(Coordinator::open(CoordinatorConfig::new(directory.path().to_owned())).await.is_ok());
}
