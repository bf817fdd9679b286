//! Jobs.

use super::{Store, StoreError, from_json, to_json};
use isoscope_core::task::BlobRef;
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

    /// Name in the database.
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
    /// Its result files.
    pub results: Option<Results>,
    /// When it was made, in milliseconds.
    pub created_at: i64,
}

impl JobRecord {
    fn read(row: &SqliteRow) -> Result<Self, StoreError> {
        let plan: Option<String> = row.try_get("plan")?;
        let results: Option<String> = row.try_get("results")?;
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
            results: results.map(|text| from_json("results", &text)).transpose()?,
            created_at: row.try_get("created_at")?,
        })
    }
}

impl Store {
    /// Makes a job, or returns the one that the same request made before.
    ///
    /// # Errors
    /// When the request id was used for another study.
    pub async fn create_job(&self, job: &NewJob, now: i64) -> Result<JobRecord, StoreError> {
        let mut tx = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let known = sqlx::query("SELECT * FROM jobs WHERE request_id = ?").bind(&job.request_id);
        if let Some(row) = known.fetch_optional(&mut *tx).await? {
            let known = JobRecord::read(&row)?;
            let same = known.study == job.study && known.validate_only == job.validate_only;
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

    /// Reads at most `most` jobs in order of their ids, after `after`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn jobs_after(&self, after: &str, most: u32) -> Result<Vec<JobRecord>, StoreError> {
        let query = sqlx::query("SELECT * FROM jobs WHERE id > ? ORDER BY id LIMIT ?").bind(after).bind(most);
        query.fetch_all(&self.pool).await?.iter().map(JobRecord::read).collect()
    }

    /// Reads the jobs that are not at their end.
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
    pub async fn end_job(
        &self,
        id: &str,
        state: JobState,
        reason: &str,
        violations: &[Violation],
        results: Option<&Results>,
    ) -> Result<(), StoreError> {
        let results = results.map(|r| to_json("results", r)).transpose()?;
        let mut tx = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        sqlx::query(
            "UPDATE jobs SET state = ?, state_reason = ?, violations = ?, results = ?
             WHERE id = ? AND state IN ('QUEUED', 'RUNNING')",
        )
        .bind(state.name())
        .bind(reason)
        .bind(to_json("violations", &violations)?)
        .bind(results)
        .bind(id)
        .execute(&mut *tx)
        .await?;
        sqlx::query("UPDATE tasks SET state = 'CANCELLED' WHERE job = ? AND state IN ('QUEUED', 'LEASED')")
            .bind(id)
            .execute(&mut *tx)
            .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Counts the tasks of a job that are done.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn tasks_done(&self, job: &str) -> Result<u64, StoreError> {
        let query =
            sqlx::query_scalar("SELECT COUNT(*) FROM tasks WHERE job = ? AND state = 'DONE'").bind(job);
        let count: i64 = query.fetch_one(&self.pool).await?;
        Ok(count.unsigned_abs())
    }
}
