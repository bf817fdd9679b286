//! Commits: the output of a task, fenced by its lease, together with all that follows from it.

use super::events::{note, touch};
use super::jobs::end;
use super::tasks::insert_tasks;
use super::{End, EventKind, Lease, Millis, Store, StoreError, Tx, to_json};
use crate::scheduler::{Need, Summary};
use isoscope_core::task::{BlobRef, Output, Work};
use sqlx::Row;

/// How a completion was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Committed {
    /// It counts.
    First,
    /// The same completion was committed before.
    Duplicate,
}

/// A plan, as the survey of a job leads to it.
#[derive(Debug, Clone)]
pub struct NewPlan {
    /// Where it is stored.
    pub blob: BlobRef,
    /// It in one line.
    pub headline: String,
    /// What it asks of workers.
    pub need: Need,
}

/// What a completed task changes in its job.
#[derive(Debug, Clone, Default)]
pub struct Advance {
    /// Tasks that can run from now on, with the weights digest of the encoder that each runs.
    pub tasks: Vec<(Work, String)>,
    /// The plan, after a survey.
    pub plan: Option<NewPlan>,
    /// How far the job has come.
    pub summary: Option<Summary>,
    /// The end of the job.
    pub end: Option<End>,
}

impl Store {
    /// Commits the output of a task. `advance` is asked what follows once the fence has held; its answer is part of the same
    /// transaction.
    ///
    /// # Errors
    /// When the lease is no longer held, or whatever `advance` answers.
    pub async fn commit_attempt<E: From<StoreError>>(
        &self,
        lease: Lease<'_>,
        output: &Output,
        now: Millis,
        advance: impl FnOnce() -> Result<Advance, E>,
    ) -> Result<Committed, E> {
        let mut tx = self.begin().await?;
        let Some(job) = mark_done(&mut tx, lease, output).await? else {
            return Ok(known(&mut tx, lease).await?);
        };
        let advance = advance()?;
        apply(&mut tx, &job, now, &advance).await?;
        sqlx::query("UPDATE sessions SET failures = 0, failed_task = NULL WHERE id = ?")
            .bind(lease.session)
            .execute(&mut *tx)
            .await
            .map_err(StoreError::from)?;
        tx.commit().await.map_err(StoreError::from)?;
        Ok(Committed::First)
    }
}

/// Marks a leased task as done; returns its job, or `None` when the lease is not held.
async fn mark_done(tx: &mut Tx, lease: Lease<'_>, output: &Output) -> Result<Option<String>, StoreError> {
    let row = sqlx::query(
        "UPDATE tasks SET state = 'DONE', output = ?
         WHERE id = ? AND lease_epoch = ? AND session = ? AND state = 'LEASED' RETURNING job",
    )
    .bind(to_json("output", output)?)
    .bind(lease.task)
    .bind(lease.epoch)
    .bind(lease.session)
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row.map(|row| row.try_get("job")).transpose()?)
}

/// Tells a repeated completion from a stale one.
async fn known(tx: &mut Tx, lease: Lease<'_>) -> Result<Committed, StoreError> {
    let query = sqlx::query_scalar(
        "SELECT COUNT(*) FROM tasks WHERE id = ? AND lease_epoch = ? AND session = ? AND state = 'DONE'",
    );
    let query = query.bind(lease.task).bind(lease.epoch).bind(lease.session);
    let same: i64 = query.fetch_one(&mut **tx).await?;
    if same > 0 { Ok(Committed::Duplicate) } else { Err(StoreError::LeaseLost(lease.task)) }
}

async fn apply(tx: &mut Tx, job: &str, now: Millis, advance: &Advance) -> Result<(), StoreError> {
    if let Some(plan) = &advance.plan {
        sqlx::query("UPDATE jobs SET plan = ?, headline = ?, need = ? WHERE id = ?")
            .bind(to_json("plan", &plan.blob)?)
            .bind(&plan.headline)
            .bind(to_json("need", &plan.need)?)
            .bind(job)
            .execute(&mut **tx)
            .await?;
        note(tx, job, now, EventKind::Planned, &plan.headline).await?;
    }
    if let Some(summary) = advance.summary {
        let before = sqlx::query_scalar("SELECT stage FROM jobs WHERE id = ?").bind(job);
        let before: u32 = before.fetch_one(&mut **tx).await?;
        sqlx::query("UPDATE jobs SET stage = ?, stages = ?, tasks_total = ? WHERE id = ?")
            .bind(summary.stage)
            .bind(summary.stages)
            .bind(summary.tasks_total as i64)
            .bind(job)
            .execute(&mut **tx)
            .await?;
        if before != summary.stage {
            let message = format!("{} of {}", summary.stage, summary.stages);
            note(tx, job, now, EventKind::StageStarted, &message).await?;
        }
    }
    insert_tasks(tx, job, &advance.tasks).await?;
    match &advance.end {
        Some(how) => end(tx, job, now, how).await,
        None => touch(tx, job).await,
    }
}
