//! The end of a job: its results are put together and stored.

use super::{Engine, EngineError, now};
use crate::assemble;
use crate::scheduler::ProgressError;
use crate::store::{End, EventKind, Results};
use isoscope_core::result::{LayerReport, Tally};
use isoscope_core::state::decode;
use isoscope_core::task::BlobRef;
use std::sync::Arc;

impl Engine {
    /// Writes the results of a job whose last task is done, and ends it. When the disk or the database fails, the job stays open
    /// and is taken up again by [`Engine::finish_delayed`].
    pub(super) async fn finish(self: Arc<Self>, job: String) {
        let how = match self.results(&job).await {
            Ok(results) => End::succeeded(Some(results)),
            Err(error) if error.may_pass() => return self.delay(job, &error).await,
            Err(error) => End::failed(format!("the results could not be put together: {error}"), Vec::new()),
        };
        if let Err(error) = self.store.end_job(&job, now(), &how).await {
            return self.delay(job, &error.into()).await;
        }
        self.progress.lock().await.remove(&job);
        self.changed();
    }

    async fn delay(&self, job: String, error: &EngineError) {
        tracing::error!(job, %error, "the results could not be written; trying again");
        let message = error.to_string();
        // When the database itself fails the event is lost, but not the job.
        if self.store.note_event(&job, now(), EventKind::ResultsDelayed, &message).await.is_ok() {
            self.changed();
        }
        self.delayed.lock().await.insert(job);
    }

    /// Takes up the jobs whose results could not be written.
    pub(super) async fn finish_delayed(self: &Arc<Self>) {
        let jobs = std::mem::take(&mut *self.delayed.lock().await);
        for job in jobs {
            Arc::clone(self).finish(job).await;
        }
    }

    async fn results(&self, job: &str) -> Result<Results, EngineError> {
        let record = self.store.job(job).await?;
        let (plan, blobs, tallies) = {
            let mut all = self.progress.lock().await;
            let progress = self.load(&mut all, &record).await?.ok_or(ProgressError::NotExpected)?;
            let blobs: Vec<BlobRef> = progress.reports().cloned().collect();
            let tallies: Vec<Tally> = progress.tallies().copied().collect();
            (Arc::clone(progress.plan()), blobs, tallies)
        };
        let mut reports: Vec<LayerReport> = Vec::with_capacity(blobs.len());
        for blob in &blobs {
            reports.push(decode("report", &self.blobs.get(&blob.digest).await?)?);
        }
        let mut results = Results::new();
        for (name, bytes) in assemble::files(&plan, &reports, &tallies)? {
            results.insert(name.to_owned(), self.blobs.put(bytes).await?);
        }
        Ok(results)
    }
}
