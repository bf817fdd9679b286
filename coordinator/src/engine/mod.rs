//! The engine: what the services do, over the store, the blobs and the scheduler.
//!
//! [`commit`] takes the outputs of tasks and plans jobs, [`finish`] writes results, [`fleet`] looks after the workers,
//! [`view`] says how a job stands, and [`collect`] deletes what nobody needs any more.

mod collect;
mod commit;
mod finish;
mod fleet;
mod view;

pub(crate) use view::JobView;

use crate::assemble::AssembleError;
use crate::blobs::{BlobError, Blobs};
use crate::scheduler::{JobProgress, ProgressError};
use crate::store::{End, JobRecord, Millis, NewJob, Retries, Store, StoreError};
use isoscope_core::plan::Plan;
use isoscope_core::state::CodecError;
use isoscope_core::task::Work;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{Mutex, watch};
use tokio_util::sync::CancellationToken;

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

impl EngineError {
    /// Tells whether the same may succeed later: the disk was full, the database was locked.
    fn may_pass(&self) -> bool {
        matches!(self, Self::Store(StoreError::Database(_)) | Self::Blob(BlobError::Store(_)))
    }
}

/// State that the services share.
pub(crate) struct Engine {
    pub(crate) store: Store,
    pub(crate) blobs: Blobs,
    pub(crate) session_ttl: Duration,
    /// Cancelled when the coordinator stops, so that open polls and watchers end.
    pub(crate) stopping: CancellationToken,
    retries: Retries,
    progress: Mutex<HashMap<String, JobProgress>>,
    /// Jobs whose results could not be written for a reason that may pass.
    delayed: Mutex<BTreeSet<String>>,
    changes: watch::Sender<u64>,
}

/// By the coordinator's clock alone: workers count durations on their own.
pub(crate) fn now() -> Millis {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64)
}

impl Engine {
    pub(crate) fn new(store: Store, blobs: Blobs, session_ttl: Duration, retries: Retries) -> Self {
        Self {
            store,
            blobs,
            session_ttl,
            stopping: CancellationToken::new(),
            retries,
            progress: Mutex::default(),
            delayed: Mutex::default(),
            changes: watch::Sender::new(0),
        }
    }

    /// Wakes whoever waits for work or watches a job, at every change.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    pub(crate) fn changed(&self) {
        self.changes.send_modify(|version| *version += 1);
    }

    /// Makes a job and its survey.
    pub(crate) async fn submit(&self, job: &NewJob) -> Result<JobRecord, EngineError> {
        let study = self.blobs.put(job.study.clone().into_bytes()).await?;
        let record = self.store.create_job(job, Work::Survey { study }, now()).await?;
        self.changed();
        Ok(record)
    }

    /// Cancels a job.
    pub(crate) async fn cancel(&self, job: &str) -> Result<JobRecord, EngineError> {
        self.store.job(job).await?;
        self.store.end_job(job, now(), &End::cancelled()).await?;
        self.progress.lock().await.remove(job);
        self.changed();
        Ok(self.store.job(job).await?)
    }

    /// Takes up what an earlier run left: sessions get a whole term to be heard again, and jobs whose tasks are all done are
    /// finished.
    pub(crate) async fn recover(self: &Arc<Self>) -> Result<(), EngineError> {
        self.store.extend_sessions(now() + self.session_ttl.as_millis() as i64).await?;
        for job in self.store.open_jobs().await? {
            let mut all = self.progress.lock().await;
            if self.load(&mut all, &job).await?.is_some_and(|progress| progress.is_finished()) {
                self.delayed.lock().await.insert(job.id);
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
}
