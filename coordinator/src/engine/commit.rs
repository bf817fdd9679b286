//! Outputs of tasks: committed, with the tasks that follow from them.

use super::{Engine, EngineError, now};
use crate::blobs::BlobError;
use crate::scheduler::{JobProgress, Need, ProgressError, headline, model_of, resolve};
use crate::store::{Advance, Attempt, Committed, End, Failed, JobRecord, Lease, NewPlan};
use isoscope_core::facts::Facts;
use isoscope_core::plan::Plan;
use isoscope_core::state::CodecError;
use isoscope_core::study::Study;
use isoscope_core::task::{BlobRef, Output, Work};
use isoscope_core::violation::Violations;
use std::sync::Arc;

impl Engine {
    /// Commits the output of a task and queues what it made runnable.
    pub(crate) async fn complete(
        self: &Arc<Self>,
        lease: Lease<'_>,
        output: &Output,
    ) -> Result<Committed, EngineError> {
        self.all_stored(output).await?;
        let (job, work) = self.store.task(lease).await?;
        let record = self.store.job(&job).await?;
        let committed = if let (Work::Survey { .. }, Output::Facts(facts)) = (&work, output) {
            self.surveyed(&record, lease, output, facts).await?
        } else {
            self.advance(&record, lease, &work, output).await?
        };
        self.changed();
        Ok(committed)
    }

    /// An output counts only when the bytes that it refers to are on disk.
    async fn all_stored(&self, output: &Output) -> Result<(), EngineError> {
        let blobs = match output {
            Output::Facts(facts) => vec![facts],
            Output::Node { layers, .. } => layers.iter().collect(),
            Output::Layer { report, broadcast, carry, .. } => vec![report, broadcast, carry],
        };
        for blob in blobs {
            if !self.blobs.has(&blob.digest).await? {
                return Err(BlobError::Missing(blob.digest.clone()).into());
            }
        }
        Ok(())
    }

    /// Commits a task of a planned job together with what it made runnable; the last one leads to the results.
    async fn advance(
        self: &Arc<Self>,
        job: &JobRecord,
        lease: Lease<'_>,
        work: &Work,
        output: &Output,
    ) -> Result<Committed, EngineError> {
        let mut all = self.progress.lock().await;
        let progress = self.load(&mut all, job).await?.ok_or(ProgressError::NotExpected)?;
        let advance = || {
            let next = progress.done(work, output)?;
            let tasks = with_models(progress.plan(), next);
            Ok(Advance { tasks, summary: Some(progress.summary()), ..Advance::default() })
        };
        let committed = self.store.commit_attempt::<EngineError>(lease, output, now(), advance).await;
        let finished = progress.is_finished();
        if committed.is_err() {
            // What is in memory may be ahead of the store now; the store is right.
            all.remove(&job.id);
        }
        drop(all);
        let committed = committed?;
        if finished && committed == Committed::First {
            tokio::spawn(Arc::clone(self).finish(job.id.clone()));
        }
        Ok(committed)
    }

    /// Plans a job whose sources have been surveyed.
    async fn surveyed(
        &self,
        job: &JobRecord,
        lease: Lease<'_>,
        output: &Output,
        facts: &BlobRef,
    ) -> Result<Committed, EngineError> {
        let json = |what| move |e: serde_json::Error| CodecError { what, reason: e.to_string() };
        let mut facts: Facts =
            serde_json::from_slice(&self.blobs.get(&facts.digest).await?).map_err(json("facts"))?;
        let study: Study = serde_json::from_str(&job.study).map_err(json("study"))?;
        self.add_plugins(&mut facts).await?;
        let advance = match resolve(&study, &facts) {
            Ok(plan) => self.planned(job, plan).await?,
            Err(Violations(found)) => {
                Advance { end: Some(End::failed("the study cannot be run", found)), ..Advance::default() }
            }
        };
        self.store.commit_attempt(lease, output, now(), || Ok(advance)).await
    }

    async fn planned(&self, job: &JobRecord, plan: Plan) -> Result<Advance, EngineError> {
        let blob = self.blobs.put(plan.to_bytes()?).await?;
        let new = NewPlan { blob: blob.clone(), headline: headline(&plan), need: Need::of(&plan) };
        if job.validate_only {
            let end = Some(End::succeeded(None));
            return Ok(Advance { plan: Some(new), end, ..Advance::default() });
        }
        let plan = Arc::new(plan);
        let progress = JobProgress::new(Arc::clone(&plan), &blob);
        Ok(Advance {
            tasks: with_models(&plan, progress.first()),
            plan: Some(new),
            summary: Some(progress.summary()),
            end: None,
        })
    }

    /// Takes note of a failed attempt.
    pub(crate) async fn fail(&self, lease: Lease<'_>, attempt: Attempt<'_>) -> Result<(), EngineError> {
        let (job, _) = self.store.task(lease).await?;
        let failed = self.store.fail_attempt(lease, attempt, self.retries, now()).await?;
        if failed == Failed::Fatal {
            self.progress.lock().await.remove(&job);
        }
        self.changed();
        Ok(())
    }
}

fn with_models(plan: &Plan, tasks: Vec<Work>) -> Vec<(Work, String)> {
    let with_model = |work| {
        let model = model_of(plan, &work);
        (work, model)
    };
    tasks.into_iter().map(with_model).collect()
}
