//! Answers of tasks: repeated until they are taken.

use super::fake::{Call, Fake};
use isoscope_proto::errors::{Reason, failed_precondition, status};
use isoscope_proto::v1::CompleteTaskRequest;
use tonic::{Code, Status};

fn answer(call: Call) -> Option<CompleteTaskRequest> {
    if let Call::Complete(answer) = call { Some(answer) } else { None }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_lost_is_given_again_under_the_same_epoch() {
    let mut fake = Fake::start();
    fake.script.gate.send_replace(true);
    fake.script.refuse("complete", Status::unavailable("the connection broke"));
    fake.script.refuse("complete", status(Code::Internal, Reason::StoreUnavailable, "the disk is full"));
    let _working = fake.work(None);
    fake.script.lease("7", 3);
    let first = fake.until(answer).await;
    assert_eq!((first.task_id.as_str(), first.lease_epoch), ("7", 3));
    assert_eq!(fake.until(answer).await, first);
    assert_eq!(fake.until(answer).await, first);
    let done = |call: Call| {
        assert!(answer(call.clone()).is_none(), "an answer that was taken was given again");
        matches!(call, Call::Heartbeat(beat) if beat.running.is_empty()).then_some(())
    };
    fake.until(done).await;
}

#[tokio::test(start_paused = true)]
async fn a_task_is_held_until_its_answer_was_taken() {
    let mut fake = Fake::start();
    fake.script.gate.send_replace(true);
    // Far more than can fit between two heartbeats, however short the pauses are drawn.
    for _ in 0..40 {
        fake.script.refuse("complete", Status::unavailable("overloaded"));
    }
    let _working = fake.work(None);
    fake.script.lease("7", 3);
    fake.until(answer).await;
    fake.until_beat(|beat| beat.running.len() == 1).await;
}

#[tokio::test(start_paused = true)]
async fn a_lease_that_is_lost_is_dropped_quietly() {
    let mut fake = Fake::start();
    fake.script.gate.send_replace(true);
    fake.script.refuse("complete", status(Code::Aborted, Reason::LeaseLost, "leased to somebody else"));
    let _working = fake.work(None);
    fake.script.lease("7", 3);
    fake.until(answer).await;
    let quiet = |call: Call| {
        assert!(!matches!(call, Call::Complete(_) | Call::Fail(_) | Call::Release(_)), "{call:?}");
        matches!(call, Call::Heartbeat(beat) if beat.running.is_empty()).then_some(())
    };
    fake.until(quiet).await;
}

#[tokio::test(start_paused = true)]
async fn an_output_that_is_refused_fails_the_attempt() {
    let mut fake = Fake::start();
    fake.script.gate.send_replace(true);
    let refusal = failed_precondition(Reason::BlobMissing, "facts", "the blob was not uploaded");
    fake.script.refuse("complete", refusal);
    let _working = fake.work(None);
    fake.script.lease("7", 3);
    let failure = fake.until(|call| if let Call::Fail(failure) = call { Some(failure) } else { None }).await;
    assert_eq!((failure.task_id.as_str(), failure.lease_epoch), ("7", 3));
    assert_eq!(failure.message, "the output was refused: the blob was not uploaded");
}
