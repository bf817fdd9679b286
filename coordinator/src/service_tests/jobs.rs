//! Jobs from submission to their end.

use super::*;
use isoscope_proto::v1::job::State;
use isoscope_proto::v1::{CancelJobRequest, ListJobsRequest, WatchJobRequest};

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
async fn wrong_input_fails_the_job_at_once_with_the_field() {
    let directory = tempfile::tempdir().unwrap();
    let served = serve(directory.path()).await;
    let job = submit(&served.channel, "r").await.unwrap();
    let mut worker = Worker::register(&served.channel).await;
    let lease = worker.acquire().await.unwrap();
    worker.fail(&lease, FailureClass::Input, "dataset[0]").await.unwrap();
    let job = get(&served.channel, &job.name).await;
    assert_eq!(job.state(), State::Failed);
    assert_eq!(job.violations[0].field, "dataset[0]");
    served.end().await;
}

#[tokio::test]
async fn events_tell_the_story_of_a_job() {
    let directory = tempfile::tempdir().unwrap();
    let served = serve(directory.path()).await;
    let job = submit(&served.channel, "r").await.unwrap();
    Worker::register(&served.channel).await.work_off(1000).await;
    let job = ended(&served.channel, &job.name).await;
    assert!(job.end_time.is_some() && job.numerics_class == fixture::NUMERICS);
    let progress = job.progress.unwrap();
    assert_eq!((progress.stage, progress.stages), (2, 2));
    assert_eq!(progress.tasks_done, progress.tasks_total);
    assert_eq!(
        kinds(&served.channel, &job.name).await,
        ["SUBMITTED", "STARTED", "PLANNED", "STAGE_STARTED", "STAGE_STARTED", "SUCCEEDED"]
    );
    served.end().await;
}

#[tokio::test]
async fn a_cancelled_job_stays_cancelled_and_its_leases_are_revoked() {
    let directory = tempfile::tempdir().unwrap();
    let served = serve(directory.path()).await;
    let job = submit(&served.channel, "r").await.unwrap();
    let mut worker = Worker::register(&served.channel).await;
    let lease = worker.acquire().await.unwrap();
    assert_eq!(worker.beat(&[&lease], false).await.unwrap(), Vec::<String>::new());
    let request = CancelJobRequest { name: job.name.clone() };
    JobServiceClient::new(served.channel.clone()).cancel_job(request).await.unwrap();
    assert_eq!(worker.beat(&[&lease], false).await.unwrap(), std::slice::from_ref(&lease.task_id));
    let output = worker.work(&lease).await;
    assert_eq!(worker.answer(&lease, &output).await.unwrap_err().code(), tonic::Code::Aborted);
    assert_eq!(get(&served.channel, &job.name).await.state(), State::Cancelled);
    assert!(worker.acquire().await.is_none());
    served.end().await;
}

#[tokio::test]
async fn a_watcher_that_names_what_it_has_seen_hears_of_the_next_change_first() {
    let directory = tempfile::tempdir().unwrap();
    let served = serve(directory.path()).await;
    let job = submit(&served.channel, "r").await.unwrap();
    let mut jobs = JobServiceClient::new(served.channel.clone());
    let request = WatchJobRequest { name: job.name.clone(), resume_token: String::new() };
    let first = jobs.watch_job(request).await.unwrap().into_inner().message().await.unwrap().unwrap();
    assert_eq!(first.job.unwrap().state(), State::Queued);
    let request = WatchJobRequest { name: job.name.clone(), resume_token: first.resume_token };
    let mut changes = jobs.watch_job(request).await.unwrap().into_inner();
    let mut worker = Worker::register(&served.channel).await;
    worker.acquire().await.unwrap();
    // A worker that registers changes why the job waits; the lease that follows changes its state.
    let mut next = changes.message().await.unwrap().unwrap();
    while next.job.as_ref().unwrap().state() == State::Queued {
        assert_ne!(next.job.unwrap().state_reason, "no worker is connected", "this was seen before");
        next = changes.message().await.unwrap().unwrap();
    }
    assert_eq!(next.job.unwrap().state(), State::Running);
    served.end().await;
}

#[tokio::test]
async fn jobs_are_listed_newest_first_page_by_page_and_by_state() {
    let directory = tempfile::tempdir().unwrap();
    let served = serve(directory.path()).await;
    let mut names = Vec::new();
    for request_id in ["a", "b", "c"] {
        names.push(submit(&served.channel, request_id).await.unwrap().name);
    }
    let mut jobs = JobServiceClient::new(served.channel.clone());
    jobs.cancel_job(CancelJobRequest { name: names[1].clone() }).await.unwrap();
    let (mut seen, mut token) = (Vec::new(), String::new());
    loop {
        let request = ListJobsRequest { page_size: 2, page_token: token, states: Vec::new() };
        let page = jobs.list_jobs(request).await.unwrap().into_inner();
        assert!(page.jobs.len() <= 2);
        seen.extend(page.jobs.into_iter().map(|job| (job.create_time.unwrap(), job.name)));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert!(seen.windows(2).all(|pair| {
        let at = |i: usize| (pair[i].0.seconds, pair[i].0.nanos, pair[i].1.clone());
        at(0) > at(1)
    }));
    assert_eq!(seen.len(), 3);
    let request = ListJobsRequest { states: vec![State::Cancelled.into()], ..ListJobsRequest::default() };
    let cancelled = jobs.list_jobs(request).await.unwrap().into_inner().jobs;
    assert_eq!(cancelled.into_iter().map(|job| job.name).collect::<Vec<_>>(), [names[1].clone()]);
    served.end().await;
}

#[tokio::test]
async fn the_states_of_an_ended_job_are_deleted_and_its_plan_and_results_are_kept() {
    let directory = tempfile::tempdir().unwrap();
    let served = serve(directory.path()).await;
    let job = submit(&served.channel, "r").await.unwrap();
    Worker::register(&served.channel).await.work_off(1000).await;
    ended(&served.channel, &job.name).await;
    let want = measurements(&served.channel, &job.name).await;
    served.end().await;
    let blobs = || {
        let prefixes = std::fs::read_dir(directory.path().join("blobs/cas/sha256")).unwrap();
        prefixes.map(|prefix| std::fs::read_dir(prefix.unwrap().path()).unwrap().count()).sum::<usize>()
    };
    let config = CoordinatorConfig::new(directory.path().to_owned());
    let coordinator = Coordinator::open(config).await.unwrap();
    coordinator.clean_up().await.unwrap();
    drop(coordinator);
    assert_eq!(blobs(), 6, "the plan and the five files");
    let served = serve(directory.path()).await;
    assert_eq!(measurements(&served.channel, &job.name).await, want);
    served.end().await;
}
