//! Tasks and their leases.

use super::{Store, StoreError, from_json, to_json};
use crate::scheduler::TaskKey;
use isoscope_core::task::{BlobRef, Failure, Output, Work};
use sqlx::{Row, Sqlite, Transaction};

/// A task leased to a session.
#[derive(Debug, Clone)]
pub struct Claimed {
    /// Its id.
    pub id: i64,
    /// The job that it belongs to.
    pub job: String,
    /// Fences the lease: later leases have greater ones.
    pub epoch: i64,
    /// What to do.
    pub work: Work,
    /// Directory that relative sources are resolved against.
    pub base_directory: String,
}

/// How a completion was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Committed {
    /// It counts.
    First,
    /// The same completion was committed before.
    Duplicate,
}

/// How a failure was taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failed {
    /// The task will be tried again.
    Requeued,
    /// The job must fail.
    Fatal,
}

/// What a completed task changes in its job, decided while its lease is held.
#[derive(Debug, Clone, Default)]
pub struct Advance {
    /// Tasks that can run from now on.
    pub tasks: Vec<Work>,
    /// The plan, after a survey.
    pub plan: Option<(BlobRef, String)>,
}

type Tx<'a> = Transaction<'a, Sqlite>;

async fn insert_tasks(tx: &mut Tx<'_>, job: &str, tasks: &[Work]) -> Result<(), StoreError> {
    for work in tasks {
        let key = TaskKey::of(work);
        sqlx::query(
            "INSERT OR IGNORE INTO tasks (job, stage, position, work, state) VALUES (?, ?, ?, ?, 'QUEUED')",
        )
        .bind(job)
        .bind(key.stage())
        .bind(key.position())
        .bind(to_json("work", work)?)
        .execute(&mut **tx)
        .await?;
    }
    Ok(())
}

impl Store {
    /// Adds the first tasks of a job.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn add_tasks(&self, job: &str, tasks: &[Work]) -> Result<(), StoreError> {
        let mut tx = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        insert_tasks(&mut tx, job, tasks).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Leases up to `most` tasks to a session, the oldest job first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn claim_tasks(&self, session: &str, most: u32, now: i64) -> Result<Vec<Claimed>, StoreError> {
        let mut tx = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let rows = sqlx::query(
            "UPDATE tasks SET state = 'LEASED', session = ?, lease_epoch = lease_epoch + 1
             WHERE id IN (SELECT t.id FROM tasks t JOIN jobs j ON j.id = t.job
                          WHERE t.state = 'QUEUED' AND t.not_before <= ?
                          ORDER BY j.created_at, j.id, t.stage, t.position LIMIT ?)
             RETURNING id, job, lease_epoch, work, (SELECT base_directory FROM jobs WHERE jobs.id = job) AS base",
        )
        .bind(session)
        .bind(now)
        .bind(most)
        .fetch_all(&mut *tx)
        .await?;
        let claimed: Result<Vec<Claimed>, StoreError> = rows
            .iter()
            .map(|row| {
                Ok(Claimed {
                    id: row.try_get("id")?,
                    job: row.try_get("job")?,
                    epoch: row.try_get("lease_epoch")?,
                    work: from_json("work", row.try_get("work")?)?,
                    base_directory: row.try_get("base")?,
                })
            })
            .collect();
        let claimed = claimed?;
        for task in &claimed {
            sqlx::query("UPDATE jobs SET state = 'RUNNING' WHERE id = ? AND state = 'QUEUED'")
                .bind(&task.job)
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        Ok(claimed)
    }

    /// Reads the job and the work of a task.
    ///
    /// # Errors
    /// When there is no such task.
    pub async fn task(&self, id: i64) -> Result<(String, Work), StoreError> {
        let query = sqlx::query("SELECT job, work FROM tasks WHERE id = ?").bind(id);
        let row = query.fetch_optional(&self.pool).await?.ok_or(StoreError::LeaseLost(id))?;
        Ok((row.try_get("job")?, from_json("work", row.try_get("work")?)?))
    }

    /// Commits the output of a task, fenced by its lease. `advance` is asked what follows once the fence has held; its
    /// answer is part of the same transaction.
    ///
    /// # Errors
    /// When the lease is no longer held, or whatever `advance` answers.
    pub async fn commit_attempt<E: From<StoreError>>(
        &self,
        (session, id, epoch): (&str, i64, i64),
        output: &Output,
        advance: impl FnOnce() -> Result<Advance, E>,
    ) -> Result<Committed, E> {
        let failed = |e: sqlx::Error| E::from(StoreError::from(e));
        let mut tx = self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
        let done = sqlx::query(
            "UPDATE tasks SET state = 'DONE', output = ?
             WHERE id = ? AND lease_epoch = ? AND session = ? AND state = 'LEASED' RETURNING job",
        )
        .bind(to_json("output", output)?)
        .bind(id)
        .bind(epoch)
        .bind(session)
        .fetch_optional(&mut *tx)
        .await
        .map_err(failed)?;
        let Some(row) = done else {
            let known = "SELECT COUNT(*) FROM tasks WHERE id = ? AND lease_epoch = ? AND state = 'DONE'";
            let query = sqlx::query_scalar(known).bind(id).bind(epoch);
            let same: i64 = query.fetch_one(&mut *tx).await.map_err(failed)?;
            return if same > 0 { Ok(Committed::Duplicate) } else { Err(StoreError::LeaseLost(id).into()) };
        };
        let job: String = row.try_get("job").map_err(failed)?;
        let advance = advance()?;
        if let Some((plan, headline)) = &advance.plan {
            sqlx::query("UPDATE jobs SET plan = ?, headline = ? WHERE id = ?")
                .bind(to_json("plan", plan)?)
                .bind(headline)
                .bind(&job)
                .execute(&mut *tx)
                .await
                .map_err(failed)?;
        }
        insert_tasks(&mut tx, &job, &advance.tasks).await?;
        tx.commit().await.map_err(failed)?;
        Ok(Committed::First)
    }

    /// Takes note of a failed attempt, fenced by its lease: it is queued again where its class and counts allow.
    ///
    /// # Errors
    /// When the lease is no longer held.
    pub async fn fail_attempt(
        &self,
        (session, id, epoch): (&str, i64, i64),
        class: Failure,
        most: u32,
        not_before: i64,
    ) -> Result<Failed, StoreError> {
        let (failures, memory) = match class {
            Failure::Transient => (1, 0),
            Failure::OutOfMemory => (0, 1),
            Failure::Input | Failure::Deterministic => (most, 0),
        };
        let row = sqlx::query(
            "UPDATE tasks SET failures = failures + ?, out_of_memory = out_of_memory + ?, not_before = ?,
               state = CASE WHEN failures + ? >= ? OR out_of_memory + ? > 1 THEN 'FAILED' ELSE 'QUEUED' END
             WHERE id = ? AND lease_epoch = ? AND session = ? AND state = 'LEASED' RETURNING state",
        )
        .bind(failures)
        .bind(memory)
        .bind(not_before)
        .bind(failures)
        .bind(most)
        .bind(memory)
        .bind(id)
        .bind(epoch)
        .bind(session)
        .fetch_optional(&self.pool)
        .await?;
        let state: String = row.ok_or(StoreError::LeaseLost(id))?.try_get("state")?;
        Ok(if state == "FAILED" { Failed::Fatal } else { Failed::Requeued })
    }

    /// Gives a task back unharmed; its place in the queue is kept and nothing is counted.
    ///
    /// # Errors
    /// When the lease is no longer held.
    pub async fn release(&self, session: &str, id: i64, epoch: i64) -> Result<(), StoreError> {
        let done = sqlx::query(
            "UPDATE tasks SET state = 'QUEUED' WHERE id = ? AND lease_epoch = ? AND session = ? AND state = 'LEASED'",
        )
        .bind(id)
        .bind(epoch)
        .bind(session)
        .execute(&self.pool)
        .await?;
        if done.rows_affected() == 0 { Err(StoreError::LeaseLost(id)) } else { Ok(()) }
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
        let pair = |row: &sqlx::sqlite::SqliteRow| {
            Ok((from_json("work", row.try_get("work")?)?, from_json("output", row.try_get("output")?)?))
        };
        rows.iter().map(pair).collect()
    }
}
