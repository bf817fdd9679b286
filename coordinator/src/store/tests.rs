//! The store alone, with a clock of its own.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::scheduler::{Capabilities, Need};
use isoscope_core::task::{BlobRef, Failure, Output, Work};

fn blob(name: &str) -> BlobRef {
    BlobRef { digest: isoscope_core::digest::sha256(name.as_bytes()), size: name.len() as u64 }
}

fn survey() -> Work {
    Work::Survey { study: blob("study") }
}

fn new_job(id: &str) -> NewJob {
    NewJob {
        id: id.to_owned(),
        request_id: id.to_owned(),
        study: "{}".to_owned(),
        base_directory: "/".to_owned(),
        validate_only: false,
    }
}

const RETRIES: Retries = Retries { max_failures: 3, max_losses: 2 };

/// A store with the job `j` and the workers `a` and `b`, whose sessions end at 100.
async fn store(directory: &tempfile::TempDir) -> Store {
    let store = Store::open(&directory.path().join("db.sqlite"), true).await.unwrap();
    store.create_job(&new_job("j"), survey(), 0).await.unwrap();
    for (id, memory_bytes) in [("a", 10), ("b", 20)] {
        let capabilities = Capabilities { memory_bytes, slots: 1, ..Capabilities::default() };
        let session = NewSession {
            id: id.to_owned(),
            held: false,
            worker: format!("worker {id}"),
            capabilities,
            manifests: Vec::new(),
        };
        store.register_session(&session, 0, 100).await.unwrap();
    }
    store
}

async fn claim(store: &Store, session: &str, now: Millis) -> Option<Claimed> {
    let claimer = Claimer { session, most: 1, loaded: &[] };
    store.claim_tasks(claimer, now).await.unwrap().pop()
}

fn lease<'a>(session: &'a str, task: &Claimed) -> Lease<'a> {
    Lease { session, task: task.id, epoch: task.epoch }
}

async fn fail(store: &Store, session: &str, task: &Claimed, class: Failure, now: Millis) -> Failed {
    let attempt = Attempt { class, message: "broken", field: "model[0]" };
    store.fail_attempt(lease(session, task), attempt, RETRIES, now).await.unwrap()
}

async fn kinds(store: &Store) -> Vec<String> {
    store.events_after("j", 0, 100).await.unwrap().into_iter().map(|event| event.kind).collect()
}

#[tokio::test]
async fn a_session_that_has_expired_gets_no_lease_even_in_an_open_poll() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(&directory).await;
    let claimer = Claimer { session: "a", most: 1, loaded: &[] };
    assert!(matches!(store.claim_tasks(claimer, 100).await, Err(StoreError::SessionExpired(_))));
    assert!(claim(&store, "a", 99).await.is_some());
}

#[tokio::test]
async fn a_lost_task_goes_to_another_worker_and_the_first_one_is_fenced() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(&directory).await;
    let lost = claim(&store, "a", 0).await.unwrap();
    let beat = Beat { session: "b", running: &[], draining: false, stale_before: 0, until: 1000 };
    store.beat(&beat, 50).await.unwrap();
    assert_eq!(store.expire_sessions(100, 2).await.unwrap(), ["j"]);
    assert!(claim(&store, "b", 100).await.is_some());
    let output = Output::Facts(blob("facts"));
    let late = store.commit_attempt(lease("a", &lost), &output, 101, || Ok(Advance::default())).await;
    assert!(matches!(late, Err(StoreError::LeaseLost(_))));
    assert_eq!(kinds(&store).await, ["SUBMITTED", "STARTED", "TASK_LOST"]);
}

#[tokio::test]
async fn a_task_that_is_lost_too_often_fails_its_job_in_the_same_breath() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(&directory).await;
    claim(&store, "a", 0).await.unwrap();
    let beat = Beat { session: "b", running: &[], draining: false, stale_before: 0, until: 200 };
    store.beat(&beat, 50).await.unwrap();
    store.expire_sessions(100, RETRIES.max_losses).await.unwrap();
    claim(&store, "b", 100).await.unwrap();
    store.expire_sessions(200, RETRIES.max_losses).await.unwrap();
    let job = store.job("j").await.unwrap();
    assert_eq!(job.state, JobState::Failed);
    assert!(job.state_reason.contains("lost with its worker 2 times"), "{}", job.state_reason);
}

#[tokio::test]
async fn a_lease_that_never_reached_the_worker_is_given_to_another_without_a_loss() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(&directory).await;
    let known = claim(&store, "a", 10).await.unwrap();
    let mut beat = Beat { session: "a", running: &[], draining: false, stale_before: 10, until: 1000 };
    assert_eq!(store.beat(&beat, 20).await.unwrap(), (vec![], 0), "a fresh lease may be on its way");
    let running = [(known.id, known.epoch)];
    beat.stale_before = 30;
    beat.running = &running;
    assert_eq!(store.beat(&beat, 40).await.unwrap(), (vec![], 0), "the worker knows of it");
    beat.running = &[];
    assert_eq!(store.beat(&beat, 40).await.unwrap(), (vec![], 1));
    let again = claim(&store, "b", 50).await.unwrap();
    assert_eq!((again.id, again.epoch), (known.id, known.epoch + 1));
    beat.running = &running;
    assert_eq!(store.beat(&beat, 60).await.unwrap().0, [known.id], "what it took up late is revoked");
}

#[tokio::test]
async fn leases_that_the_worker_names_stay_however_old_they_are_and_whatever_their_ids() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(&directory).await;
    for i in 0..9 {
        store.create_job(&new_job(&format!("j{i}")), survey(), i).await.unwrap();
    }
    let mut held = Vec::new();
    while let Some(task) = claim(&store, "a", 10).await {
        held.push((task.id, task.epoch));
    }
    assert_eq!(held.len(), 10);
    // The last few, in another order than that of their ids.
    let running: Vec<(i64, i64)> = held.iter().rev().take(3).copied().collect();
    let beat = Beat { session: "a", running: &running, draining: false, stale_before: 90, until: 1000 };
    assert_eq!(store.beat(&beat, 95).await.unwrap(), (vec![], 7), "all others never reached it");
    assert_eq!(store.beat(&beat, 99).await.unwrap(), (vec![], 0));
}

#[tokio::test]
async fn passing_failures_are_tried_again_later_and_later_and_then_fail_the_job() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(&directory).await;
    store.extend_sessions(1_000_000).await.unwrap();
    let mut now = 0;
    for wait in [1000, 2000] {
        let task = claim(&store, "a", now).await.unwrap();
        assert_eq!(fail(&store, "a", &task, Failure::Transient, now).await, Failed::Requeued);
        assert_eq!(store.next_due(now).await.unwrap(), Some(now + wait));
        assert!(claim(&store, "a", now + wait - 1).await.is_none());
        now += wait;
    }
    let task = claim(&store, "a", now).await.unwrap();
    assert_eq!(fail(&store, "a", &task, Failure::Transient, now).await, Failed::Fatal);
    assert_eq!(store.job("j").await.unwrap().state, JobState::Failed);
}

#[tokio::test]
async fn wrong_input_ends_the_job_with_its_field() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(&directory).await;
    let task = claim(&store, "a", 0).await.unwrap();
    assert_eq!(fail(&store, "a", &task, Failure::Input, 5).await, Failed::Fatal);
    let job = store.job("j").await.unwrap();
    assert_eq!((job.state, job.ended_at), (JobState::Failed, Some(5)));
    assert_eq!(job.violations[0].field, "model[0]");
}

#[tokio::test]
async fn out_of_memory_is_tried_once_on_a_larger_worker() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(&directory).await;
    let task = claim(&store, "a", 0).await.unwrap();
    assert_eq!(fail(&store, "a", &task, Failure::OutOfMemory, 0).await, Failed::Requeued);
    assert!(claim(&store, "a", 1).await.is_none(), "no larger than before");
    let task = claim(&store, "b", 1).await.unwrap();
    assert_eq!(
        fail(&store, "b", &task, Failure::OutOfMemory, 2).await,
        Failed::Fatal,
        "there is no larger one"
    );
}

#[tokio::test]
async fn a_worker_that_fails_whatever_it_is_given_is_closed_while_another_is_there() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(&directory).await;
    for id in ["k", "l"] {
        store.create_job(&new_job(id), survey(), 0).await.unwrap();
    }
    for _ in 0..3 {
        let task = claim(&store, "a", 0).await.unwrap();
        fail(&store, "a", &task, Failure::Transient, 0).await;
    }
    assert!(claim(&store, "a", 99).await.is_none());
    assert!(store.sessions(0).await.unwrap()[0].0.cordoned);
    let retries = Retries { max_failures: 100, max_losses: 2 };
    store.extend_sessions(1_000_000).await.unwrap();
    for now in [5_000, 50_000, 100_000, 150_000] {
        let task = claim(&store, "b", now).await.unwrap();
        let attempt = Attempt { class: Failure::Transient, message: "broken", field: "" };
        store.fail_attempt(lease("b", &task), attempt, retries, now).await.unwrap();
    }
    assert!(claim(&store, "b", 900_000).await.is_some(), "the last worker is never closed");
}

#[tokio::test]
async fn a_closed_session_gives_its_tasks_back_at_once_and_uncounted() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(&directory).await;
    claim(&store, "a", 0).await.unwrap();
    store.close_session("a", 1).await.unwrap();
    assert!(claim(&store, "b", 1).await.is_some());
    assert_eq!(kinds(&store).await, ["SUBMITTED", "STARTED", "TASK_RELEASED"]);
    store.close_session("a", 2).await.unwrap();
}

#[tokio::test]
async fn the_end_of_a_job_and_the_task_that_ended_it_are_one_change() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(&directory).await;
    let task = claim(&store, "a", 0).await.unwrap();
    let output = Output::Facts(blob("facts"));
    let end = Some(End::failed("the study cannot be run", Vec::new()));
    let plan = NewPlan { blob: blob("plan"), headline: "a plan".to_owned(), need: Need::default() };
    let advance = Advance { end, plan: Some(plan), ..Advance::default() };
    let committed = store.commit_attempt::<StoreError>(lease("a", &task), &output, 7, || Ok(advance)).await;
    assert_eq!(committed.unwrap(), Committed::First);
    let job = store.job("j").await.unwrap();
    assert_eq!((job.state, job.ended_at, job.headline.as_str()), (JobState::Failed, Some(7), "a plan"));
    let refused: Result<Committed, StoreError> =
        store.commit_attempt(lease("a", &task), &output, 8, || Ok(Advance::default())).await;
    assert_eq!(refused.unwrap(), Committed::Duplicate);
}

#[tokio::test]
async fn nothing_is_committed_when_what_follows_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(&directory).await;
    let task = claim(&store, "a", 0).await.unwrap();
    let output = Output::Facts(blob("facts"));
    let refuse = || Err(StoreError::NoSuchJob("made up".to_owned()));
    assert!(store.commit_attempt(lease("a", &task), &output, 1, refuse).await.is_err());
    let committed =
        store.commit_attempt::<StoreError>(lease("a", &task), &output, 2, || Ok(Advance::default()));
    assert_eq!(committed.await.unwrap(), Committed::First, "the lease still stands");
}

#[tokio::test]
async fn a_request_id_makes_one_job_and_is_refused_for_another() {
    let directory = tempfile::tempdir().unwrap();
    let store = store(&directory).await;
    let again = NewJob { id: "other".to_owned(), ..new_job("j") };
    assert_eq!(store.create_job(&again, survey(), 5).await.unwrap().id, "j");
    let other = NewJob { base_directory: "/elsewhere".to_owned(), ..again };
    assert!(matches!(store.create_job(&other, survey(), 5).await, Err(StoreError::RequestIdReused(_))));
}
