//! Jobs: made, read, and ended.

use super::events::note;
use super::tasks::insert_tasks;
use super::{EventKind, Millis, Store, StoreError, Tx, from_json, to_json};
use crate::scheduler::{Need, Summary};
use isoscope_core::task::{BlobRef, Work};
use isoscope_core::violation::Violation;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use std::collections::BTreeMap;

/// Result files of a job, by name.
pub type Results = BTreeMap<String, BlobRef>;

/// State of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
    /// Waiting for its survey.
    Queued,
    /// At work.
    Running,
    /// Done.
    Succeeded,
    /// Failed, with a reason.
    Failed,
    /// Cancelled.
    Cancelled,
}

impl JobState {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Queued, "QUEUED"),
        (Self::Running, "RUNNING"),
        (Self::Succeeded, "SUCCEEDED"),
        (Self::Failed, "FAILED"),
        (Self::Cancelled, "CANCELLED"),
    ];

    /// Name in the database and on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::ALL.into_iter().find(|(state, _)| *state == self).map_or("", |(_, name)| name)
    }

    /// Tells whether nothing more will happen to the job.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Cancelled)
    }

    fn parse(name: &str) -> Result<Self, StoreError> {
        let hit = Self::ALL.into_iter().find(|(_, known)| *known == name);
        hit.map(|(state, _)| state)
            .ok_or_else(|| StoreError::Malformed { what: "state of a job", reason: name.to_owned() })
    }
}

/// A job to be made.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// Its id.
    pub id: String,
    /// Chosen by the client.
    pub request_id: String,
    /// The study, as JSON.
    pub study: String,
    /// Directory that relative sources are resolved against.
    pub base_directory: String,
    /// Whether it ends with its plan.
    pub validate_only: bool,
}

/// A job as stored.
#[derive(Debug, Clone)]
pub struct JobRecord {
    /// Its id.
    pub id: String,
    /// The study, as JSON.
    pub study: String,
    /// Directory that relative sources are resolved against.
    pub base_directory: String,
    /// Whether it ends with its plan.
    pub validate_only: bool,
    /// Its state.
    pub state: JobState,
    /// Why it is in that state.
    pub state_reason: String,
    /// What is wrong with the study or its data.
    pub violations: Vec<Violation>,
    /// Its plan.
    pub plan: Option<BlobRef>,
    /// The plan in one line.
    pub headline: String,
    /// What it asks of workers.
    pub need: Need,
    /// How far it has come; `None` before it is planned.
    pub summary: Option<Summary>,
    /// Its result files.
    pub results: Option<Results>,
    /// When it was made.
    pub created_at: Millis,
    /// When it ended.
    pub ended_at: Option<Millis>,
    /// Grows with every change that a watcher can see.
    pub revision: i64,
}

impl JobRecord {
    pub(super) fn read(row: &SqliteRow) -> Result<Self, StoreError> {
        let plan: Option<String> = row.try_get("plan")?;
        let results: Option<String> = row.try_get("results")?;
        let count = |name| Ok::<i64, StoreError>(row.try_get(name)?);
        let (stage, stages, tasks_total) = (count("stage")?, count("stages")?, count("tasks_total")?);
        let summary =
            Summary { stage: stage as u32, stages: stages as u32, tasks_total: tasks_total.unsigned_abs() };
        Ok(Self {
            id: row.try_get("id")?,
            study: row.try_get("study")?,
            base_directory: row.try_get("base_directory")?,
            validate_only: row.try_get("validate_only")?,
            state: JobState::parse(row.try_get("state")?)?,
            state_reason: row.try_get("state_reason")?,
            violations: from_json("violations", row.try_get("violations")?)?,
            plan: plan.map(|text| from_json("plan", &text)).transpose()?,
            headline: row.try_get("headline")?,
            need: from_json("need", row.try_get("need")?)?,
            summary: (stages > 0).then_some(summary),
            results: results.map(|text| from_json("results", &text)).transpose()?,
            created_at: row.try_get("created_at")?,
            ended_at: row.try_get("ended_at")?,
            revision: row.try_get("revision")?,
        })
    }
}

/// How a job ends.
#[derive(Debug, Clone, PartialEq)]
pub struct End {
    /// A final state.
    pub state: JobState,
    /// Why, for a person; empty when it succeeded.
    pub reason: String,
    /// What is wrong with the study or its data.
    pub violations: Vec<Violation>,
    /// Its result files.
    pub results: Option<Results>,
}

impl End {
    /// The job succeeded, with these files.
    #[must_use]
    pub fn succeeded(results: Option<Results>) -> Self {
        Self { state: JobState::Succeeded, reason: String::new(), violations: Vec::new(), results }
    }

    /// The job failed.
    #[must_use]
    pub fn failed(reason: impl Into<String>, violations: Vec<Violation>) -> Self {
        Self { state: JobState::Failed, reason: reason.into(), violations, results: None }
    }

    /// The job was cancelled.
    #[must_use]
    pub fn cancelled() -> Self {
        let reason = "cancelled on request".to_owned();
        Self { state: JobState::Cancelled, reason, violations: Vec::new(), results: None }
    }
}

/// Ends a job unless it has ended; tasks that are not done are cancelled.
pub(super) async fn end(tx: &mut Tx, job: &str, now: Millis, end: &End) -> Result<(), StoreError> {
    let results = end.results.as_ref().map(|r| to_json("results", r)).transpose()?;
    let changed = sqlx::query(
        "UPDATE jobs SET state = ?, state_reason = ?, violations = ?, results = ?, ended_at = ?
         WHERE id = ? AND state IN ('QUEUED', 'RUNNING')",
    )
    .bind(end.state.name())
    .bind(&end.reason)
    .bind(to_json("violations", &end.violations)?)
    .bind(results)
    .bind(now)
    .bind(job)
    .execute(&mut **tx)
    .await?;
    if changed.rows_affected() == 0 {
        return Ok(());
    }
    sqlx::query("UPDATE tasks SET state = 'CANCELLED' WHERE job = ? AND state IN ('QUEUED', 'LEASED')")
        .bind(job)
        .execute(&mut **tx)
        .await?;
    let kind = match end.state {
        JobState::Succeeded => EventKind::Succeeded,
        JobState::Cancelled => EventKind::Cancelled,
        _ => EventKind::Failed,
    };
    note(tx, job, now, kind, &end.reason).await
}

impl Store {
    /// Makes a job with its survey, or returns the one that the same request made before.
    ///
    /// # Errors
    /// When the request id was used for another study.
    pub async fn create_job(&self, job: &NewJob, survey: Work, now: Millis) -> Result<JobRecord, StoreError> {
        let mut tx = self.begin().await?;
        let known = sqlx::query("SELECT * FROM jobs WHERE request_id = ?").bind(&job.request_id);
        if let Some(row) = known.fetch_optional(&mut *tx).await? {
            let known = JobRecord::read(&row)?;
            let same = known.study == job.study
                && known.validate_only == job.validate_only
                && known.base_directory == job.base_directory;
            return if same { Ok(known) } else { Err(StoreError::RequestIdReused(job.request_id.clone())) };
        }
        sqlx::query(
            "INSERT INTO jobs (id, request_id, study, base_directory, validate_only, state, created_at)
             VALUES (?, ?, ?, ?, ?, 'QUEUED', ?)",
        )
        .bind(&job.id)
        .bind(&job.request_id)
        .bind(&job.study)
        .bind(&job.base_directory)
        .bind(job.validate_only)
        .bind(now)
        .execute(&mut *tx)
        .await?;
        insert_tasks(&mut tx, &job.id, &[(survey, String::new())]).await?;
        note(&mut tx, &job.id, now, EventKind::Submitted, "").await?;
        let row = sqlx::query("SELECT * FROM jobs WHERE id = ?").bind(&job.id).fetch_one(&mut *tx).await?;
        tx.commit().await?;
        JobRecord::read(&row)
    }

    /// Reads a job.
    ///
    /// # Errors
    /// When there is none of that id.
    pub async fn job(&self, id: &str) -> Result<JobRecord, StoreError> {
        let row = sqlx::query("SELECT * FROM jobs WHERE id = ?").bind(id).fetch_optional(&self.pool).await?;
        JobRecord::read(&row.ok_or_else(|| StoreError::NoSuchJob(id.to_owned()))?)
    }

    /// Reads at most `most` jobs in one of `states` (all when empty), the newest first, from after the job `after`.
    ///
    /// # Errors
    /// When the database fails, or `after` names no job.
    pub async fn jobs_page(
        &self,
        states: &[JobState],
        after: Option<&str>,
        most: u32,
    ) -> Result<Vec<JobRecord>, StoreError> {
        let states: Vec<&str> = states.iter().map(|state| state.name()).collect();
        let from = match after {
            Some(id) => self.job(id).await.map(|job| (job.created_at, job.id))?,
            None => (Millis::MAX, String::new()),
        };
        let query = sqlx::query(
            "SELECT * FROM jobs WHERE (created_at, id) < (?, ?)
             AND (? = '[]' OR state IN (SELECT value FROM json_each(?))) ORDER BY created_at DESC, id DESC LIMIT ?",
        );
        let states = to_json("states", &states)?;
        let query = query.bind(from.0).bind(from.1).bind(states.clone()).bind(states).bind(most);
        query.fetch_all(&self.pool).await?.iter().map(JobRecord::read).collect()
    }

    /// Reads the jobs that are not at their end, the oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open_jobs(&self) -> Result<Vec<JobRecord>, StoreError> {
        let query =
            sqlx::query("SELECT * FROM jobs WHERE state IN ('QUEUED', 'RUNNING') ORDER BY created_at, id");
        query.fetch_all(&self.pool).await?.iter().map(JobRecord::read).collect()
    }

    /// Ends a job unless it has ended; tasks that are not done are cancelled.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end_job(&self, id: &str, now: Millis, how: &End) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        end(&mut tx, id, now, how).await?;
        tx.commit().await?;
        Ok(())
    }
}
