//! Failed and released attempts.

use super::events::note;
use super::jobs::end;
use super::tasks::title;
use super::{End, EventKind, Lease, Millis, Session, Store, StoreError, Tx};
use isoscope_core::task::Failure;
use isoscope_core::violation::Violation;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

/// Failures in a row, on different tasks, after which a worker is given no more, as long as there is another.
const FAILURES_TO_CORDON: i64 = 3;
/// First wait before a task is tried again; doubled with every failure.
const FIRST_WAIT: Millis = 1000;
/// Longest wait before a task is tried again.
const LONGEST_WAIT: Millis = 60_000;

/// How a failure was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failed {
    /// The task will be tried again.
    Requeued,
    /// The job has failed.
    Fatal,
}

/// A failed attempt.
#[derive(Debug, Clone, Copy)]
pub struct Attempt<'a> {
    /// Its class.
    pub class: Failure,
    /// What went wrong, for a person.
    pub message: &'a str,
    /// Path in the study, where it has one.
    pub field: &'a str,
}

/// How often a task is tried.
#[derive(Debug, Clone, Copy)]
pub struct Retries {
    /// Passing failures after which a task fails its job.
    pub max_failures: u32,
    /// Losses with a worker after which a task fails its job.
    pub max_losses: u32,
}

impl Store {
    /// Takes note of a failed attempt: the task is queued again where its class and counts allow, or else the job fails, in one
    /// transaction.
    ///
    /// # Errors
    /// When the lease is no longer held.
    pub async fn fail_attempt(
        &self,
        lease: Lease<'_>,
        attempt: Attempt<'_>,
        retries: Retries,
        now: Millis,
    ) -> Result<Failed, StoreError> {
        let mut tx = self.begin().await?;
        let row = take_back(&mut tx, lease).await?;
        let (job, failures): (String, i64) = (row.try_get("job")?, row.try_get("failures")?);
        let task = title(&row)?;
        let session = count_against(&mut tx, lease).await?;
        let again = match attempt.class {
            Failure::Input | Failure::Deterministic => None,
            Failure::Transient if failures + 1 >= i64::from(retries.max_failures) => None,
            Failure::Transient => Some((wait(failures), 0)),
            Failure::OutOfMemory => larger_worker(&mut tx, &session).await?.map(|memory| (0, memory)),
        };
        let failed = if let Some((wait, min_memory)) = again {
            sqlx::query("UPDATE tasks SET failures = failures + 1, not_before = ?, min_memory = MAX(min_memory, ?) WHERE id = ?")
                .bind(now + wait)
                .bind(min_memory)
                .bind(lease.task)
                .execute(&mut *tx)
                .await?;
            let message = format!("{task}, on {}: {}", session.worker, attempt.message);
            note(&mut tx, &job, now, EventKind::TaskFailed, &message).await?;
            Failed::Requeued
        } else {
            sqlx::query("UPDATE tasks SET state = 'FAILED' WHERE id = ?")
                .bind(lease.task)
                .execute(&mut *tx)
                .await?;
            let violations = match attempt.class {
                Failure::Input => vec![Violation::new(attempt.field, attempt.message)],
                _ => Vec::new(),
            };
            let how = End::failed(format!("{task}: {}", attempt.message), violations);
            end(&mut tx, &job, now, &how).await?;
            Failed::Fatal
        };
        tx.commit().await?;
        Ok(failed)
    }

    /// Gives a task back unharmed; its place in the queue is kept and nothing is counted.
    ///
    /// # Errors
    /// When the lease is no longer held.
    pub async fn release(&self, lease: Lease<'_>, now: Millis) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let row = take_back(&mut tx, lease).await?;
        let job: String = row.try_get("job")?;
        note(&mut tx, &job, now, EventKind::TaskReleased, &title(&row)?).await?;
        tx.commit().await?;
        Ok(())
    }
}

/// Queues a leased task again.
async fn take_back(tx: &mut Tx, lease: Lease<'_>) -> Result<SqliteRow, StoreError> {
    let row = sqlx::query(
        "UPDATE tasks SET state = 'QUEUED' WHERE id = ? AND lease_epoch = ? AND session = ? AND state = 'LEASED'
         RETURNING job, work, failures",
    )
    .bind(lease.task)
    .bind(lease.epoch)
    .bind(lease.session)
    .fetch_optional(&mut **tx)
    .await?;
    row.ok_or(StoreError::LeaseLost(lease.task))
}

/// 1, 2, 4, … seconds.
fn wait(failures: i64) -> Millis {
    let doublings = u32::try_from(failures).unwrap_or(u32::MAX);
    FIRST_WAIT.saturating_mul(2_i64.saturating_pow(doublings)).min(LONGEST_WAIT)
}

/// Counts a failure against the worker, and closes a worker that fails whatever it is given while another could take over.
async fn count_against(tx: &mut Tx, lease: Lease<'_>) -> Result<Session, StoreError> {
    sqlx::query(
        "UPDATE sessions SET failures = failures + (failed_task IS NOT ?1), failed_task = ?1 WHERE id = ?2",
    )
    .bind(lease.task)
    .bind(lease.session)
    .execute(&mut **tx)
    .await?;
    sqlx::query(
        "UPDATE sessions SET cordoned = 1 WHERE id = ?1 AND failures >= ?2
         AND EXISTS (SELECT 1 FROM sessions o WHERE o.id <> ?1 AND NOT o.cordoned AND NOT o.draining)",
    )
    .bind(lease.session)
    .bind(FAILURES_TO_CORDON)
    .execute(&mut **tx)
    .await?;
    let row = sqlx::query("SELECT * FROM sessions WHERE id = ?")
        .bind(lease.session)
        .fetch_optional(&mut **tx)
        .await?;
    Session::read(&row.ok_or_else(|| StoreError::SessionExpired(lease.session.to_owned()))?)
}

/// Memory that the next attempt needs, if a worker has more than this one.
async fn larger_worker(tx: &mut Tx, session: &Session) -> Result<Option<i64>, StoreError> {
    let query = sqlx::query("SELECT * FROM sessions WHERE id <> ?").bind(&session.id);
    let has = session.capabilities.memory_bytes;
    for row in query.fetch_all(&mut **tx).await? {
        let other = Session::read(&row)?;
        if other.closed().is_none() && other.capabilities.memory_bytes > has {
            return Ok(Some(has as i64 + 1));
        }
    }
    Ok(None)
}
