//! One leased task: run on a thread of its own, then answered.

use super::remote_blobs::RemoteBlobs;
use super::running::{Held, InWork};
use super::{Shared, answer};
use crate::error::WorkerError;
use crate::tasks::{self, Context};
use isoscope_core::task::{Output, Work};
use isoscope_proto::link::Link;
use isoscope_proto::v1::TaskLease;
use isoscope_proto::v1::worker_service_client::WorkerServiceClient;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use tokio::runtime::Handle;

/// Runs a task and tells the coordinator how it ended, unless it was taken back. The task is held until the answer was taken.
pub(super) async fn run(
    shared: &Arc<Shared>,
    client: &WorkerServiceClient<Link>,
    held: Held,
    lease: TaskLease,
) {
    let (in_thread, link, in_work) = (Arc::clone(shared), client.clone(), held.share());
    let ran = tokio::task::spawn_blocking(move || {
        let blobs = RemoteBlobs::new(link, Handle::current(), Arc::clone(&in_thread), Arc::clone(&in_work));
        work(&in_thread, &in_work, &blobs, lease)
    });
    let outcome =
        ran.await.unwrap_or_else(|panic| Err(WorkerError::task(format!("the task panicked: {panic}"))));
    answer::give(shared, client, &held, outcome).await;
}

fn work(
    shared: &Shared,
    in_work: &InWork,
    blobs: &RemoteBlobs,
    lease: TaskLease,
) -> Result<Output, WorkerError> {
    let task = lease.task.ok_or_else(|| WorkerError::task("the lease names no work"))?;
    let work = Work::try_from(&task).map_err(|error| WorkerError::task(error.to_string()))?;
    let offer = Arc::clone(&shared.offer.borrow());
    let context = Context {
        blobs,
        plugins: &offer.plugins.for_task(Arc::clone(&in_work.revoked)),
        fetched: &shared.fetched,
        models: &shared.models,
        cache: &shared.cache,
        base: Path::new(&lease.base_directory),
        numerics_class: &shared.machine.numerics_class,
        revoked: &in_work.revoked,
        progress: &in_work.progress,
    };
    let begun = Instant::now();
    let outcome = tasks::run(&context, &work);
    let (task, stage, ok) = (in_work.task(), work.stage(), outcome.is_ok());
    tracing::debug!(task, kind = work.kind(), stage, elapsed = ?begun.elapsed(), ok, "the task ended");
    outcome
}
