//! Which worker gets which task, and what a job says when none does.

use super::*;
use isoscope_proto::v1::fleet_service_client::FleetServiceClient;
use isoscope_proto::v1::{ListWorkersRequest, UnregisterWorkerRequest};

fn other_class() -> Capabilities {
    Capabilities { numerics_class: "gpu".to_owned(), ..capabilities() }
}

#[tokio::test]
async fn a_job_that_nobody_can_serve_says_why_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let served = serve(directory.path()).await;
    let job = submit(&served.channel, "r").await.unwrap();
    assert_eq!(get(&served.channel, &job.name).await.state_reason, "no worker is connected");
    let mut worker = Worker::register(&served.channel).await;
    assert_eq!(worker.work_off(1).await, 1, "the survey pins the class of the job");
    let request = UnregisterWorkerRequest { session_id: worker.session };
    worker.client.unregister_worker(request).await.unwrap();
    let mut other = Worker::register_as(&served.channel, "other", other_class()).await;
    assert!(other.acquire().await.is_none());
    let reason = get(&served.channel, &job.name).await.state_reason;
    assert!(reason.starts_with("0 of 1 worker can serve it: other computes as gpu"), "{reason}");
    served.end().await;
}

#[tokio::test]
async fn a_worker_without_the_plugin_of_the_plan_gets_nothing_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let served = serve(directory.path()).await;
    let job = submit(&served.channel, "r").await.unwrap();
    let mut worker = Worker::register(&served.channel).await;
    worker.work_off(1).await;
    worker.beat(&[], true).await.unwrap();
    assert!(worker.acquire().await.is_none(), "a draining worker gets nothing");
    let bare = Capabilities { plugins: Vec::new(), ..capabilities() };
    let mut bare = Worker::register_as(&served.channel, "bare", bare).await;
    assert!(bare.acquire().await.is_none());
    let reason = get(&served.channel, &job.name).await.state_reason;
    assert!(reason.contains("bare lacks the plugin org.example.all"), "{reason}");
    assert!(reason.contains("made-up is draining"), "{reason}");
    served.end().await;
}

#[tokio::test]
async fn built_in_plugins_that_share_the_digest_of_a_build_keep_their_own_manifests() {
    let directory = tempfile::tempdir().unwrap();
    let served = serve(directory.path()).await;
    let mut both = capabilities();
    let mut other = both.plugins[0].clone();
    other.id = "org.example.other".to_owned();
    other.manifest_json = other.manifest_json.replace("org.example.all", "org.example.other");
    other.manifest_json = other.manifest_json.replace("spectrum.", "other.").replace("partition.", "rest.");
    both.plugins.insert(0, other);
    Worker::register_as(&served.channel, "both", both).await;
    submit(&served.channel, "r").await.expect("the metrics of the second plugin are known");
    served.end().await;
}

#[tokio::test]
async fn tasks_of_an_encoder_in_memory_come_first() {
    let directory = tempfile::tempdir().unwrap();
    let served = serve(directory.path()).await;
    submit(&served.channel, "r").await.unwrap();
    let mut worker = Worker::register(&served.channel).await;
    worker.work_off(1).await;
    let second = fixture::facts(1).models[1].weights_digest.clone();
    let mut other = Worker::register_as(&served.channel, "other", capabilities()).await;
    let lease = other.acquire_knowing(vec![second]).await.unwrap();
    let Work::Pass(pass) = Work::try_from(lease.task.as_ref().unwrap()).unwrap() else { panic!("no pass") };
    assert_eq!(pass.subject, 1, "the second encoder's tasks, although the first one's wait too");
    served.end().await;
}

#[tokio::test]
async fn a_later_pass_goes_to_the_worker_that_kept_its_rows() {
    let directory = tempfile::tempdir().unwrap();
    let served = serve(directory.path()).await;
    submit(&served.channel, "r").await.unwrap();
    let mut first = Worker::register(&served.channel).await;
    let mut second = Worker::register_as(&served.channel, "second", capabilities()).await;
    first.work_off(1).await;
    // The second worker passes over the last block of the first subject, the first one does the rest of stage 1.
    let mut leases = Vec::new();
    for _ in 0..fixture::plan(10, 3).subjects[0].blocks().len() {
        leases.push(second.acquire().await.unwrap());
    }
    let last = leases.pop().unwrap();
    let kept = pass_of(&last);
    let output = second.work(&last).await;
    second.answer(&last, &output).await.unwrap();
    for lease in leases {
        let release = isoscope_proto::v1::ReleaseTaskRequest {
            session_id: second.session.clone(),
            task_id: lease.task_id,
            lease_epoch: lease.lease_epoch,
        };
        second.client.release_task(release).await.unwrap();
    }
    let mut next = None;
    while next.is_none() {
        let lease = first.acquire().await.unwrap();
        let output = first.work(&lease).await;
        first.answer(&lease, &output).await.unwrap();
        // Ask for the second worker only once stage 2 of the first subject has begun.
        let pass = Work::try_from(lease.task.as_ref().unwrap()).unwrap();
        if matches!(&pass, Work::Finish(f) if f.subject == 0 && f.slot == 1) {
            next = second.acquire().await;
        }
    }
    let next = pass_of(&next.unwrap());
    assert_eq!((next.stage, next.subject, next.node), (2, 0, kept.node));
    served.end().await;
}

fn pass_of(lease: &TaskLease) -> isoscope_core::task::Pass {
    match Work::try_from(lease.task.as_ref().unwrap()).unwrap() {
        Work::Pass(pass) => pass,
        other => panic!("{other:?} is no pass"),
    }
}

#[tokio::test]
async fn the_fleet_is_listed_with_what_each_worker_offers() {
    let directory = tempfile::tempdir().unwrap();
    let served = serve(directory.path()).await;
    submit(&served.channel, "r").await.unwrap();
    let mut worker = Worker::register(&served.channel).await;
    Worker::register_as(&served.channel, "another", other_class()).await;
    worker.acquire().await.unwrap();
    let mut fleet = FleetServiceClient::new(served.channel.clone());
    let workers = fleet.list_workers(ListWorkersRequest {}).await.unwrap().into_inner().workers;
    let seen: Vec<(&str, u32)> = workers.iter().map(|w| (w.name.as_str(), w.running)).collect();
    assert_eq!(seen, [("another", 0), ("made-up", 1)]);
    assert_eq!(workers[1].capabilities.as_ref().unwrap().plugins[0].id, "org.example.all");
    drop(fleet);
    served.end().await;
}
