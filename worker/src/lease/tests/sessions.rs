//! Sessions: kept through outages, fenced in time, opened anew.

use super::super::running::Running;
use super::super::session::Session;
use super::fake::{Call, Fake, TTL, compile_plugin, pass};
use crate::WorkerError;
use isoscope_proto::errors::{Reason, failed_precondition};
use isoscope_proto::v1::{RegisterWorkerRequest, TaskLease};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tonic::{Code, Status};

fn registration(call: Call) -> Option<RegisterWorkerRequest> {
    if let Call::Register(request) = call { Some(request) } else { None }
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_lost_its_connection_presents_its_session_again_and_keeps_its_task() {
    let mut fake = Fake::start();
    let _working = fake.work(None);
    fake.script.lease("7", 3);
    fake.until_in_work().await;
    fake.away();
    pass(Duration::from_secs(3)).await;
    fake.back();
    assert_eq!(fake.until(registration).await.session_id, "session-1");
    let beat = fake.until_beat(|_| true).await;
    assert_eq!(
        beat.running.iter().map(|t| (t.task_id.as_str(), t.lease_epoch)).collect::<Vec<_>>(),
        [("7", 3)]
    );
    fake.script.gate.send_replace(true);
    let answer = fake.until(|call| if let Call::Complete(answer) = call { Some(answer) } else { None }).await;
    assert_eq!(
        (answer.session_id.as_str(), answer.task_id.as_str(), answer.lease_epoch),
        ("session-1", "7", 3)
    );
}

#[tokio::test(start_paused = true)]
async fn a_session_stops_holding_before_the_coordinator_may_give_its_tasks_away() {
    let (session, running) = (Arc::new(Session::default()), Arc::new(Running::default()));
    let (fenced, tasks) = (Arc::clone(&session), Arc::clone(&running));
    tokio::spawn(async move { fenced.fence(&tasks).await });
    session.opened("session", Instant::now(), TTL);
    let held = running.add(&Arc::from("session"), &TaskLease::default()).unwrap();
    pass(Duration::from_secs(20)).await;
    // Answered only now, but sent ten seconds ago: that is what counts.
    session.renewed(Instant::now() - Duration::from_secs(10), TTL);
    pass(Duration::from_millis(14_900)).await;
    assert!(session.is_valid() && !held.is_revoked());
    pass(Duration::from_millis(200)).await;
    assert!(!session.is_valid() && held.is_revoked());
    assert!(running.report().is_empty());
    session.renewed(Instant::now(), TTL);
    assert!(session.is_valid() && held.is_revoked(), "a task that was taken back stays so");
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_was_cut_off_too_long_drops_its_task_and_never_answers_it() {
    let mut fake = Fake::start();
    let _working = fake.work(None);
    fake.script.lease("7", 3);
    fake.until_in_work().await;
    fake.away();
    pass(Duration::from_secs(36)).await;
    fake.script.gate.send_replace(true);
    fake.back();
    assert_eq!(fake.until(registration).await.session_id, "session-1");
    for _ in 0..3 {
        let is_answer = |call: &Call| matches!(call, Call::Complete(_) | Call::Fail(_) | Call::Release(_));
        let beat = fake
            .until(|call| {
                assert!(!is_answer(&call), "{call:?}");
                if let Call::Heartbeat(beat) = call { Some(beat) } else { None }
            })
            .await;
        assert!(beat.running.is_empty());
    }
    fake.script.lease("7", 4);
    let answer = fake.until(|call| if let Call::Complete(answer) = call { Some(answer) } else { None }).await;
    assert_eq!((answer.session_id.as_str(), answer.lease_epoch), ("session-1", 4));
}

#[tokio::test(start_paused = true)]
async fn an_expired_session_is_replaced_and_its_work_dropped() {
    let mut fake = Fake::start();
    let _working = fake.work(None);
    fake.script.lease("7", 3);
    fake.until_in_work().await;
    fake.script.refuse("heartbeat", failed_precondition(Reason::SessionExpired, "session-1", "expired"));
    let presented = fake.until(registration).await;
    assert_eq!(presented.session_id, "");
    let beat = fake.until_beat(|_| true).await;
    assert_eq!((beat.session_id.as_str(), beat.running.len()), ("session-2", 0));
    fake.script.gate.send_replace(true);
    fake.script.lease("7", 4);
    let answer = fake.until(|call| if let Call::Complete(answer) = call { Some(answer) } else { None }).await;
    assert_eq!((answer.session_id.as_str(), answer.lease_epoch), ("session-2", 4));
}

#[tokio::test(start_paused = true)]
async fn a_worker_may_start_before_its_coordinator() {
    let mut fake = Fake::start();
    fake.away();
    let working = fake.work(None);
    pass(Duration::from_mins(2)).await;
    assert!(fake.rest().is_empty() && !working.ended.is_finished());
    fake.back();
    assert_eq!(fake.until(registration).await.session_id, "");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_cannot_pass_ends_the_worker_with_what_was_said() {
    let version = failed_precondition(Reason::ProtocolVersion, "tested", "run the same release on both");
    for refusal in [version, Status::unauthenticated("the token is wrong")] {
        let fake = Fake::start();
        fake.script.refuse("register", refusal.clone());
        let Err(WorkerError::Rpc { code, message }) = fake.work(None).end().await else {
            panic!("{refusal:?} did not end the worker")
        };
        assert_eq!((code, message.as_str()), (refusal.code(), refusal.message()));
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_that_passes_is_waited_for() {
    let mut fake = Fake::start();
    fake.script.refuse("register", Status::new(Code::Internal, "a proxy without a coordinator behind it"));
    let _working = fake.work(None);
    fake.until(registration).await;
    fake.until(registration).await;
    fake.until_beat(|beat| beat.session_id == "session-1").await;
}

#[tokio::test(start_paused = true)]
async fn a_plugin_that_is_put_into_the_directory_is_told_under_the_same_session() {
    let directory = tempfile::tempdir().unwrap();
    let mut fake = Fake::start();
    let _working = fake.work(Some(directory.path()));
    let first = fake.until(registration).await.capabilities.unwrap();
    assert!(first.plugins.is_empty() && first.memory_bytes > 0);
    assert_eq!((first.device.as_str(), first.dtype.as_str(), first.slots), ("cpu", "f32, f16, bf16", 2));
    let file = compile_plugin(directory.path(), "mean.so", "org.example.told");
    let again = fake.until(|call| registration(call).filter(|r| !r.session_id.is_empty())).await;
    assert_eq!(again.session_id, "session-1");
    let offered = again.capabilities.unwrap().plugins;
    assert_eq!(offered.len(), 1);
    assert_eq!(
        (offered[0].id.as_str(), offered[0].source.as_str()),
        ("org.example.told", file.to_str().unwrap())
    );
    assert!(offered[0].manifest_json.contains("c_mean") && offered[0].digest.starts_with("sha256:"));
}
