//! The end of a worker.

use super::fake::{Call, Fake, pass};
use std::time::Duration;
use tokio::time::Instant;

fn released(call: Call) -> Option<(String, i64)> {
    if let Call::Release(request) = call { Some((request.task_id, request.lease_epoch)) } else { None }
}

fn unregistered(call: Call) -> Option<String> {
    if let Call::Unregister(request) = call { Some(request.session_id) } else { None }
}

#[tokio::test(start_paused = true)]
async fn a_drain_finishes_the_task_in_work_gives_back_what_still_comes_and_closes_the_session() {
    let mut fake = Fake::start();
    let working = fake.work(None);
    fake.script.lease("7", 3);
    fake.until_in_work().await;
    fake.until(|call| matches!(call, Call::Acquire).then_some(())).await;
    let asked = Instant::now();
    working.stop.drain.cancel();
    let beat = fake.until_beat(|beat| beat.draining).await;
    assert_eq!(beat.running.len(), 1);
    assert!(asked.elapsed() < Duration::from_secs(1), "the next heartbeat was waited for");
    fake.script.lease("8", 1);
    assert_eq!(fake.until(released).await, ("8".to_owned(), 1));
    fake.script.gate.send_replace(true);
    fake.until(|call| matches!(call, Call::Complete(_)).then_some(())).await;
    let closed = fake.until(|call| {
        assert!(!matches!(call, Call::Acquire), "a worker that drains asked for tasks");
        unregistered(call)
    });
    assert_eq!(closed.await, "session-1");
    working.end().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_drain_gives_back_what_takes_too_long() {
    let mut fake = Fake::start();
    let working = fake.work(None);
    fake.script.lease("7", 3);
    fake.until_in_work().await;
    let asked = Instant::now();
    working.stop.drain.cancel();
    assert_eq!(fake.until(released).await, ("7".to_owned(), 3));
    assert!(asked.elapsed() >= fake.config().drain);
    assert_eq!(fake.until(unregistered).await, "session-1");
    working.end().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_second_request_to_stop_gives_the_task_back_at_once() {
    let mut fake = Fake::start();
    let working = fake.work(None);
    fake.script.lease("7", 3);
    fake.until_in_work().await;
    working.stop.drain.cancel();
    pass(Duration::from_secs(1)).await;
    let asked = Instant::now();
    working.stop.now.cancel();
    assert_eq!(fake.until(released).await, ("7".to_owned(), 3));
    assert!(asked.elapsed() < Duration::from_secs(1));
    assert_eq!(fake.until(unregistered).await, "session-1");
    working.end().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_drain_ends_by_itself_while_the_coordinator_is_away() {
    let mut fake = Fake::start();
    let working = fake.work(None);
    fake.script.lease("7", 3);
    fake.until_in_work().await;
    fake.away();
    let asked = Instant::now();
    working.stop.drain.cancel();
    working.end().await.unwrap();
    assert!(asked.elapsed() < fake.config().drain + Duration::from_secs(8));
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_never_reached_its_coordinator_stops_at_once() {
    let fake = Fake::start();
    fake.away();
    let working = fake.work(None);
    pass(Duration::from_secs(1)).await;
    let asked = Instant::now();
    working.stop.drain.cancel();
    working.end().await.unwrap();
    assert!(asked.elapsed() < Duration::from_secs(1));
}
