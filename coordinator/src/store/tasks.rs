//! Tasks: added, looked at, counted.

use super::{Lease, Millis, Store, StoreError, Tx, from_json, to_json};
use crate::scheduler::TaskKey;
use isoscope_core::task::{Output, Work};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

/// A task in work, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningTask {
    /// Its id.
    pub id: i64,
    /// What it does.
    pub title: String,
    /// Name of the worker that holds it.
    pub worker: String,
    /// When the worker took it.
    pub leased_at: Millis,
}

/// How many tasks of a job are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Held {
    /// Done.
    pub done: u64,
    /// Waiting for a worker.
    pub queued: u64,
    /// When the first of the waiting tasks may be taken.
    pub next_due: Option<Millis>,
}

/// Adds tasks with the weights digest of the encoder that each runs. A task that is there already is left alone.
pub(super) async fn insert_tasks(tx: &mut Tx, job: &str, tasks: &[(Work, String)]) -> Result<(), StoreError> {
    for (work, model) in tasks {
        let key = TaskKey::of(work);
        sqlx::query(
            "INSERT OR IGNORE INTO tasks (job, stage, position, model, work, state) VALUES (?, ?, ?, ?, ?, 'QUEUED')",
        )
        .bind(job)
        .bind(key.stage())
        .bind(key.position())
        .bind(model)
        .bind(to_json("work", work)?)
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}

/// What a task does, for a person.
pub(super) fn title(row: &SqliteRow) -> Result<String, StoreError> {
    let work: Work = from_json("work", row.try_get("work")?)?;
    Ok(TaskKey::of(&work).to_string())
}

impl Store {
    /// Reads the job and the work of a leased task.
    ///
    /// # Errors
    /// When there is no such task.
    pub async fn task(&self, lease: Lease<'_>) -> Result<(String, Work), StoreError> {
        let query = sqlx::query("SELECT job, work FROM tasks WHERE id = ?").bind(lease.task);
        let row = query.fetch_optional(&self.pool).await?.ok_or(StoreError::LeaseLost(lease.task))?;
        Ok((row.try_get("job")?, from_json("work", row.try_get("work")?)?))
    }

    /// Reads the finished tasks of a job in the order in which they can be replayed.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn finished(&self, job: &str) -> Result<Vec<(Work, Output)>, StoreError> {
        let query = sqlx::query(
            "SELECT work, output FROM tasks WHERE job = ? AND state = 'DONE' ORDER BY stage, position",
        );
        let rows = query.bind(job).fetch_all(&self.pool).await?;
        let pair = |row: &SqliteRow| {
            Ok((from_json("work", row.try_get("work")?)?, from_json("output", row.try_get("output")?)?))
        };
        rows.iter().map(pair).collect()
    }

    /// Reads the tasks of a job that workers hold, in the order of the job.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn running(&self, job: &str) -> Result<Vec<RunningTask>, StoreError> {
        let query = sqlx::query(
            "SELECT t.id, t.work, t.leased_at, s.worker FROM tasks t JOIN sessions s ON s.id = t.session
             WHERE t.job = ? AND t.state = 'LEASED' ORDER BY t.stage, t.position",
        );
        let rows = query.bind(job).fetch_all(&self.pool).await?;
        let task = |row: &SqliteRow| {
            Ok(RunningTask {
                id: row.try_get("id")?,
                title: title(row)?,
                worker: row.try_get("worker")?,
                leased_at: row.try_get("leased_at")?,
            })
        };
        rows.iter().map(task).collect()
    }

    /// Counts the tasks of a job.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn held(&self, job: &str) -> Result<Held, StoreError> {
        let row = sqlx::query(
            "SELECT COUNT(*) FILTER (WHERE state = 'DONE') AS done, COUNT(*) FILTER (WHERE state = 'QUEUED') AS queued,
               MIN(CASE WHEN state = 'QUEUED' THEN not_before END) AS due FROM tasks WHERE job = ?",
        )
        .bind(job)
        .fetch_one(&self.pool)
        .await?;
        let count = |name| Ok::<u64, StoreError>(row.try_get::<i64, _>(name)?.unsigned_abs());
        Ok(Held { done: count("done")?, queued: count("queued")?, next_due: row.try_get("due")? })
    }

    /// Tells when the next task that waits out a back-off can be taken.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn next_due(&self, now: Millis) -> Result<Option<Millis>, StoreError> {
        let query =
            sqlx::query_scalar("SELECT MIN(not_before) FROM tasks WHERE state = 'QUEUED' AND not_before > ?");
        Ok(query.bind(now).fetch_one(&self.pool).await?)
    }
}
