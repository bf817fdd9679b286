//! The engine: what the services do, over the store, the blobs and the scheduler.

use crate::assemble::{self, AssembleError};
use crate::blobs::{BlobError, Blobs};
use crate::scheduler::{JobProgress, ProgressError, Summary, headline, resolve};
use crate::store::{
    Advance, Claimed, Committed, Failed, JobRecord, JobState, NewJob, Results, Store, StoreError,
};
use isoscope_core::facts::Facts;
use isoscope_core::plan::Plan;
use isoscope_core::result::{LayerReport, Tally};
use isoscope_core::state::{CodecError, decode};
use isoscope_core::study::Study;
use isoscope_core::task::{BlobRef, Failure, Output, Work};
use isoscope_core::violation::{Violation, Violations};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{Mutex, watch};

/// Something that the coordinator could not do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The store failed or refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Blobs failed.
    #[error(transparent)]
    Blob(#[from] BlobError),
    /// A task's output does not fit the job.
    #[error(transparent)]
    Progress(#[from] ProgressError),
    /// What is stored cannot be decoded.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// Results could not be put together.
    #[error(transparent)]
    Assemble(#[from] AssembleError),
}

/// First wait before a task is tried again after a passing fault; doubled with every failure by the store's counts.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// State that the services share.
pub(crate) struct Engine {
    pub(crate) store: Store,
    pub(crate) blobs: Blobs,
    pub(crate) session_ttl: Duration,
    max_losses: u32,
    max_failures: u32,
    progress: Mutex<HashMap<String, JobProgress>>,
    changes: watch::Sender<u64>,
}

/// Milliseconds since the epoch, by the coordinator's clock alone.
pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64)
}

impl Engine {
    pub(crate) fn new(store: Store, blobs: Blobs, ttl: Duration, max_losses: u32, max_failures: u32) -> Self {
        let (progress, changes) = (Mutex::default(), watch::Sender::new(0));
        Self { store, blobs, session_ttl: ttl, max_losses, max_failures, progress, changes }
    }

    /// Wakes whoever waits for work or watches a job, at every change.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn changed(&self) {
        self.changes.send_modify(|version| *version += 1);
    }

    /// Makes a job and its survey.
    pub(crate) async fn submit(&self, job: &NewJob) -> Result<JobRecord, EngineError> {
        let record = self.store.create_job(job, now()).await?;
        self.begin(&record).await?;
        Ok(record)
    }

    /// Adds the survey of a job that has none yet.
    async fn begin(&self, job: &JobRecord) -> Result<(), EngineError> {
        let study = self.blobs.put(job.study.clone().into_bytes()).await?;
        self.store.add_tasks(&job.id, &[Work::Survey { study }]).await?;
        self.changed();
        Ok(())
    }

    /// Takes up jobs that were at work when the coordinator stopped.
    pub(crate) async fn recover(self: &Arc<Self>) -> Result<(), EngineError> {
        for job in self.store.open_jobs().await? {
            self.begin(&job).await?;
            let mut all = self.progress.lock().await;
            if let Some(progress) = self.load(&mut all, &job).await? {
                self.store.add_tasks(&job.id, &progress.first()).await?;
                if progress.is_finished() {
                    drop(all);
                    Arc::clone(self).finalize(job.id).await;
                }
            }
        }
        Ok(())
    }

    /// The progress of a job, replayed from the store when it is not in memory. None before it has a plan.
    async fn load<'a>(
        &self,
        all: &'a mut HashMap<String, JobProgress>,
        job: &JobRecord,
    ) -> Result<Option<&'a mut JobProgress>, EngineError> {
        if !all.contains_key(&job.id) {
            let Some(blob) = &job.plan else { return Ok(None) };
            let plan = Arc::new(Plan::from_bytes(&self.blobs.get(&blob.digest).await?)?);
            let finished = self.store.finished(&job.id).await?;
            let pairs = finished.iter().map(|(work, output)| (work, output));
            all.insert(job.id.clone(), JobProgress::replay(plan, blob, pairs)?);
        }
        Ok(all.get_mut(&job.id))
    }

    /// Leases tasks to a session, if any can run.
    pub(crate) async fn claim(&self, session: &str, most: u32) -> Result<Vec<Claimed>, EngineError> {
        let claimed = self.store.claim_tasks(session, most, now()).await?;
        if !claimed.is_empty() {
            self.changed();
        }
        Ok(claimed)
    }

    /// Commits the output of a task and queues what it made runnable.
    pub(crate) async fn complete(
        self: &Arc<Self>,
        lease: (&str, i64, i64),
        output: &Output,
    ) -> Result<Committed, EngineError> {
        let (job, work) = self.store.task(lease.1).await?;
        let record = self.store.job(&job).await?;
        let committed = if let (Work::Survey { .. }, Output::Facts(facts)) = (&work, output) {
            self.surveyed(&record, lease, output, facts).await?
        } else {
            self.advance(&record, lease, &work, output).await?
        };
        self.changed();
        Ok(committed)
    }

    /// Commits a task of a planned job together with what it made runnable, and ends the job after its last task.
    async fn advance(
        self: &Arc<Self>,
        job: &JobRecord,
        lease: (&str, i64, i64),
        work: &Work,
        output: &Output,
    ) -> Result<Committed, EngineError> {
        let mut all = self.progress.lock().await;
        let progress = self.load(&mut all, job).await?.ok_or(ProgressError::NotExpected)?;
        let advance = || Ok(Advance { tasks: progress.done(work, output)?, plan: None });
        let committed = self.store.commit_attempt::<EngineError>(lease, output, advance).await;
        let finished = progress.is_finished();
        if committed.is_err() {
            // What is in memory may be ahead of the store now; the store is right.
            all.remove(&job.id);
        }
        drop(all);
        let committed = committed?;
        if finished && committed == Committed::First {
            tokio::spawn(Arc::clone(self).finalize(job.id.clone()));
        }
        Ok(committed)
    }

    /// Plans a job whose sources have been surveyed.
    async fn surveyed(
        &self,
        job: &JobRecord,
        lease: (&str, i64, i64),
        output: &Output,
        facts: &BlobRef,
    ) -> Result<Committed, EngineError> {
        let json = |what| move |e: serde_json::Error| CodecError { what, reason: e.to_string() };
        let facts: Facts =
            serde_json::from_slice(&self.blobs.get(&facts.digest).await?).map_err(json("facts"))?;
        let study: Study = serde_json::from_str(&job.study).map_err(json("study"))?;
        let plan = match resolve(&study, &facts) {
            Ok(plan) => plan,
            Err(Violations(found)) => {
                let nothing = || Ok(Advance::default());
                let committed = self.store.commit_attempt::<EngineError>(lease, output, nothing).await?;
                self.store
                    .end_job(&job.id, JobState::Failed, "the study cannot be run", &found, None)
                    .await?;
                return Ok(committed);
            }
        };
        let blob = self.blobs.put(plan.to_bytes()?).await?;
        let line = headline(&plan);
        let progress = JobProgress::new(Arc::new(plan), &blob);
        let tasks = if job.validate_only { Vec::new() } else { progress.first() };
        let advance = || Ok(Advance { tasks, plan: Some((blob, line)) });
        let committed = self.store.commit_attempt::<EngineError>(lease, output, advance).await?;
        if job.validate_only {
            self.store.end_job(&job.id, JobState::Succeeded, "", &[], None).await?;
        }
        Ok(committed)
    }

    /// Writes the results of a job whose last task is done, and ends it.
    async fn finalize(self: Arc<Self>, job: String) {
        let ended = match self.results(&job).await {
            Ok(results) => self.store.end_job(&job, JobState::Succeeded, "", &[], Some(&results)).await,
            Err(error) => self.store.end_job(&job, JobState::Failed, &error.to_string(), &[], None).await,
        };
        if let Err(error) = ended {
            tracing::error!(job, %error, "the job could not be ended");
        }
        self.progress.lock().await.remove(&job);
        self.changed();
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

    /// Takes note of a failed attempt.
    pub(crate) async fn fail(
        &self,
        lease: (&str, i64, i64),
        class: Failure,
        message: &str,
        field: &str,
    ) -> Result<(), EngineError> {
        let (job, work) = self.store.task(lease.1).await?;
        let again = now() + RETRY_AFTER.as_millis() as i64;
        if self.store.fail_attempt(lease, class, self.max_failures, again).await? == Failed::Fatal {
            let key = crate::scheduler::TaskKey::of(&work);
            let violations =
                if class == Failure::Input { vec![Violation::new(field, message)] } else { Vec::new() };
            let reason = format!("{key}: {message}");
            self.store.end_job(&job, JobState::Failed, &reason, &violations, None).await?;
        }
        self.changed();
        Ok(())
    }

    /// Cancels a job.
    pub(crate) async fn cancel(&self, job: &str) -> Result<JobRecord, EngineError> {
        self.store.job(job).await?;
        self.store.end_job(job, JobState::Cancelled, "cancelled on request", &[], None).await?;
        self.progress.lock().await.remove(job);
        self.changed();
        Ok(self.store.job(job).await?)
    }

    /// Requeues the tasks of workers that have gone silent.
    pub(crate) async fn reap(&self) -> Result<(), EngineError> {
        let touched = self.store.expire_sessions(now(), self.max_losses).await?;
        for (job, poison) in &touched {
            if let Some(task) = poison {
                let reason = format!("task {task} was lost with its worker {} times", self.max_losses);
                self.store.end_job(job, JobState::Failed, &reason, &[], None).await?;
            }
        }
        if !touched.is_empty() {
            self.changed();
        }
        Ok(())
    }

    /// How far a job has come, once it has a plan.
    pub(crate) async fn summary(&self, job: &JobRecord) -> Option<Summary> {
        self.progress.lock().await.get(&job.id).map(JobProgress::summary)
    }
}
