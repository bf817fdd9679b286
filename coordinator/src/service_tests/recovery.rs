//! Faults of workers and of the coordinator, and how a job outlives them.

use super::*;
use isoscope_proto::v1::job::State;
use tonic::Code;

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
async fn a_worker_keeps_its_session_and_its_lease_over_a_restart_of_the_coordinator() {
    let directory = tempfile::tempdir().unwrap();
    let served = serve(directory.path()).await;
    let job = submit(&served.channel, "r").await.unwrap();
    let mut before = Worker::register(&served.channel).await;
    let lease = before.acquire().await.unwrap();
    let session = before.session.clone();
    drop(before);
    served.end().await;
    let served = serve(directory.path()).await;
    let mut client = WorkerServiceClient::new(served.channel.clone());
    client.register_worker(registration("made-up", &session, capabilities())).await.unwrap();
    let mut after = Worker { client, session };
    assert_eq!(after.beat(&[&lease], false).await.unwrap(), Vec::<String>::new());
    let output = after.work(&lease).await;
    assert!(!after.answer(&lease, &output).await.unwrap());
    after.work_off(1000).await;
    assert_eq!(ended(&served.channel, &job.name).await.state(), State::Succeeded);
    assert!(!kinds(&served.channel, &job.name).await.contains(&"TASK_LOST".to_owned()));
    served.end().await;
}

#[tokio::test]
async fn a_passing_failure_is_tried_again_and_an_event_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let served = serve(directory.path()).await;
    let job = submit(&served.channel, "r").await.unwrap();
    let mut worker = Worker::register(&served.channel).await;
    let lease = worker.acquire().await.unwrap();
    worker.fail(&lease, FailureClass::Transient, "").await.unwrap();
    assert_eq!(get(&served.channel, &job.name).await.state(), State::Running);
    let kinds = kinds(&served.channel, &job.name).await;
    assert_eq!(kinds.last().map(String::as_str), Some("TASK_FAILED"));
    // The poll is woken when the wait of the task is over, long before its own deadline.
    let wait = Some(to_wire(Duration::from_secs(25)));
    let request =
        AcquireTasksRequest { session_id: worker.session.clone(), wait, ..AcquireTasksRequest::default() };
    let again = worker.client.acquire_tasks(request).await.unwrap().into_inner().leases;
    assert_eq!(again[0].task_id, lease.task_id);
    assert_eq!(again[0].attempt, 2);
    served.end().await;
}

#[tokio::test]
async fn an_open_poll_and_a_watcher_end_with_the_coordinator() {
    let directory = tempfile::tempdir().unwrap();
    let served = serve(directory.path()).await;
    let job = submit(&served.channel, "r").await.unwrap();
    let mut worker = Worker::register_as(&served.channel, "idle", capabilities()).await;
    worker.acquire().await.unwrap();
    let wait = Some(to_wire(Duration::from_secs(30)));
    let request =
        AcquireTasksRequest { session_id: worker.session.clone(), wait, ..AcquireTasksRequest::default() };
    let mut polling = worker.client.clone();
    let poll = tokio::spawn(async move { polling.acquire_tasks(request).await });
    let request = isoscope_proto::v1::WatchJobRequest { name: job.name, resume_token: String::new() };
    let mut changes =
        JobServiceClient::new(served.channel.clone()).watch_job(request).await.unwrap().into_inner();
    assert!(changes.message().await.unwrap().is_some());
    drop(worker);
    served.end().await;
    // Either the answer of the coordinator or, when it was quicker, the end of the connection.
    let ended = poll.await.unwrap().unwrap_err();
    assert!(matches!(ended.code(), Code::Unavailable | Code::Cancelled | Code::Unknown), "{ended}");
    assert!(changes.message().await.is_err());
}
