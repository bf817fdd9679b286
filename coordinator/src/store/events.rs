//! Events: what happened to a job, for people.

use super::{Millis, Store, StoreError, Tx};
use sqlx::Row;

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventKind {
    /// The job was submitted.
    Submitted,
    /// A worker took its first task.
    Started,
    /// Its sources were surveyed and it has a plan.
    Planned,
    /// A stage began.
    StageStarted,
    /// A worker went silent while it held a task.
    TaskLost,
    /// A task failed and will be tried again.
    TaskFailed,
    /// A worker gave a task back, or never got it.
    TaskReleased,
    /// All tasks are done but the results could not be written yet.
    ResultsDelayed,
    /// The job ended well.
    Succeeded,
    /// The job failed.
    Failed,
    /// The job was cancelled.
    Cancelled,
}

impl EventKind {
    /// Name in the database and on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Submitted => "SUBMITTED",
            Self::Started => "STARTED",
            Self::Planned => "PLANNED",
            Self::StageStarted => "STAGE_STARTED",
            Self::TaskLost => "TASK_LOST",
            Self::TaskFailed => "TASK_FAILED",
            Self::TaskReleased => "TASK_RELEASED",
            Self::ResultsDelayed => "RESULTS_DELAYED",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Cancelled => "CANCELLED",
        }
    }
}

/// An event as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Grows from event to event.
    pub seq: i64,
    /// When.
    pub at: Millis,
    /// [`EventKind::name`].
    pub kind: String,
    /// For a person.
    pub message: String,
}

/// Notes an event, which changes the job for those who watch it.
pub(super) async fn note(
    tx: &mut Tx,
    job: &str,
    now: Millis,
    kind: EventKind,
    message: &str,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO events (job, at, kind, message) VALUES (?, ?, ?, ?)")
        .bind(job)
        .bind(now)
        .bind(kind.name())
        .bind(message)
        .execute(&mut **tx)
        .await?;
    touch(tx, job).await
}

/// Marks a job as changed.
pub(super) async fn touch(tx: &mut Tx, job: &str) -> Result<(), StoreError> {
    sqlx::query("UPDATE jobs SET revision = revision + 1 WHERE id = ?").bind(job).execute(&mut **tx).await?;
    Ok(())
}

impl Store {
    /// Notes an event of a job, unless it is the same as the newest one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn note_event(
        &self,
        job: &str,
        now: Millis,
        kind: EventKind,
        message: &str,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let newest = "SELECT kind, message FROM events WHERE job = ? ORDER BY seq DESC LIMIT 1";
        let newest = sqlx::query(newest).bind(job).fetch_optional(&mut *tx).await?;
        let same = match &newest {
            Some(row) => row.try_get::<&str, _>(0)? == kind.name() && row.try_get::<&str, _>(1)? == message,
            None => false,
        };
        if !same {
            note(&mut tx, job, now, kind, message).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    /// Reads at most `most` events of a job, oldest first, after `after`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn events_after(&self, job: &str, after: i64, most: u32) -> Result<Vec<Event>, StoreError> {
        let rows = sqlx::query(
            "SELECT seq, at, kind, message FROM events WHERE job = ? AND seq > ? ORDER BY seq LIMIT ?",
        )
        .bind(job)
        .bind(after)
        .bind(most)
        .fetch_all(&self.pool)
        .await?;
        let event = |row: &sqlx::sqlite::SqliteRow| {
            Ok(Event {
                seq: row.try_get("seq")?,
                at: row.try_get("at")?,
                kind: row.try_get("kind")?,
                message: row.try_get("message")?,
            })
        };
        rows.iter().map(event).collect()
    }
}
