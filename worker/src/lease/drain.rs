//! The end of a worker: what is in work is finished or given back, and the session is closed.

use super::Shared;
use super::calls::within;
use isoscope_proto::link::Link;
use isoscope_proto::v1::worker_service_client::WorkerServiceClient;
use isoscope_proto::v1::{ReleaseTaskRequest, UnregisterWorkerRequest};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Longest that giving tasks back may take, then that their threads may take to stop, then that the farewell may take. What is
/// not done by then is left to the end of the session.
const FAREWELL: Duration = Duration::from_secs(2);

/// Waits for the tasks in work up to `longest`, or until `now`, and gives the others back.
pub(super) async fn finish_or_release(
    shared: &Shared,
    client: &WorkerServiceClient<Link>,
    tasks: &TaskTracker,
    longest: Duration,
    now: &CancellationToken,
) {
    tasks.close();
    shared.session.drain();
    tokio::select! {
        () = tasks.wait() => return,
        () = tokio::time::sleep(longest) => {}
        () = now.cancelled() => {}
    }
    let left = shared.running.revoke_all();
    tracing::info!(tasks = left.len(), "the tasks in work are given back");
    release(client, left).await;
    if tokio::time::timeout(FAREWELL, tasks.wait()).await.is_err() {
        tracing::warn!(tasks = tasks.len(), "tasks that were given back have not stopped yet");
    }
}

/// Gives tasks back, all at once.
async fn release(client: &WorkerServiceClient<Link>, tasks: Vec<ReleaseTaskRequest>) {
    let mut calls = JoinSet::new();
    for request in tasks {
        let mut client = client.clone();
        calls.spawn(async move { within(FAREWELL, client.release_task(request)).await });
    }
    while let Some(called) = calls.join_next().await {
        if let Ok(Err(status)) = called {
            tracing::debug!(code = ?status.code(), message = status.message(), "a task could not be given back");
        }
    }
}

/// Closes the session, so that the coordinator need not wait for its end.
pub(super) async fn unregister(shared: &Shared, client: &WorkerServiceClient<Link>) {
    let session_id = shared.session.held();
    if session_id.is_empty() {
        return;
    }
    let call = client.clone();
    let closing = within(FAREWELL, async move {
        let mut client = call;
        client.unregister_worker(UnregisterWorkerRequest { session_id }).await
    });
    if let Err(status) = closing.await {
        tracing::debug!(code = ?status.code(), message = status.message(), "the session could not be closed");
    }
}
