//! The end of a job: its results are put together and stored.

use super::{Engine, EngineError, now};
use crate::assemble::{self, Chains, MANIFEST, ROWS, Skipped, Tables};
use crate::scheduler::ProgressError;
use crate::store::{End, EventKind, Results};
use isoscope_core::plan::Plan;
use isoscope_core::result::{LayerFit, LayerReport, Tally};
use isoscope_core::state::decode;
use isoscope_core::task::BlobRef;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Blobs of the reports that hold fits, by subject and slot.
type FitReports = BTreeMap<(u32, u32), Vec<BlobRef>>;

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
        // Fits are large: they are left where they are until their own file is made.
        let (mut reports, mut with_fits) = (Vec::with_capacity(blobs.len()), FitReports::new());
        for blob in blobs {
            let mut report: LayerReport = decode("report", &self.blobs.get(&blob.digest).await?)?;
            if !std::mem::take(&mut report.fits).is_empty() {
                with_fits.entry((report.subject, report.slot)).or_default().push(blob);
            }
            reports.push(report);
        }
        let tables = Tables::new(&plan, &reports)?;
        let mut results = Results::new();
        for (name, bytes) in tables.files()? {
            results.insert(name.to_owned(), self.blobs.put(bytes).await?);
        }
        let skipped = self.transforms(&plan, &with_fits, &mut results).await?;
        let digests = results.iter().map(|(name, blob)| (name.as_str(), blob.digest.as_str())).collect();
        let manifest = assemble::manifest(&plan, &tallies, &digests, &skipped)?;
        results.insert(MANIFEST.to_owned(), self.blobs.put(manifest).await?);
        results.insert(ROWS.to_owned(), self.blobs.put(tables.rows(&plan)?).await?);
        Ok(results)
    }

    /// Stores the files of fitted enhancements, one layer at a time.
    async fn transforms(
        &self,
        plan: &Plan,
        with_fits: &FitReports,
        results: &mut Results,
    ) -> Result<Vec<Skipped>, EngineError> {
        let mut chains = Chains::new(plan)?;
        for (&(subject, slot), blobs) in with_fits {
            let mut fits: BTreeMap<u32, LayerFit> = BTreeMap::new();
            for blob in blobs {
                let report: LayerReport = decode("report", &self.blobs.get(&blob.digest).await?)?;
                fits.extend(report.fits.into_iter().map(|fit| (fit.node, fit)));
            }
            for (name, bytes) in chains.files(subject, slot, &fits)? {
                results.insert(name, self.blobs.put(bytes).await?);
            }
        }
        Ok(chains.skipped)
    }
}
