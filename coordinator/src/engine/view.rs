//! How a job stands, for those who look at it.

use super::{Engine, EngineError, now};
use crate::scheduler::{Candidate, nobody_serves};
use crate::store::{JobRecord, RunningTask};

/// A job with what is known of it at the moment.
#[derive(Debug, Clone)]
pub(crate) struct JobView {
    /// The job.
    pub(crate) record: JobRecord,
    /// Tasks done.
    pub(crate) done: u64,
    /// Tasks in work.
    pub(crate) running: Vec<RunningTask>,
    /// Why nothing of it is in work; empty when something is, or when it has ended.
    pub(crate) waits: String,
}

impl Engine {
    /// Looks at a job.
    pub(crate) async fn view(&self, record: JobRecord) -> Result<JobView, EngineError> {
        let held = self.store.held(&record.id).await?;
        let running = self.store.running(&record.id).await?;
        let waits = match (record.state.is_final(), running.is_empty(), held.queued) {
            (true, ..) | (_, false, _) => String::new(),
            (false, true, 0) => "what comes next is being worked out".to_owned(),
            (false, true, _) => self.why_it_waits(&record, held.next_due).await?,
        };
        Ok(JobView { record, done: held.done, running, waits })
    }

    async fn why_it_waits(&self, job: &JobRecord, next_due: Option<i64>) -> Result<String, EngineError> {
        let workers = self.workers().await?;
        let candidates: Vec<Candidate> = workers.iter().map(|(session, _)| session.candidate()).collect();
        if let Some(reason) = nobody_serves(&job.need, &candidates) {
            return Ok(reason);
        }
        if next_due.is_some_and(|due| due > now()) {
            return Ok("a task that failed is tried again in a moment".to_owned());
        }
        let busy = workers.iter().all(|(session, running)| *running >= session.capabilities.slots);
        Ok(if busy { "every worker is busy" } else { "a worker is about to take it" }.to_owned())
    }
}
