//! Which blobs are referred to, and by whom.

use super::{JobRecord, Store, StoreError, from_json};
use isoscope_core::task::{BlobRef, Output, Work};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use std::collections::BTreeSet;

/// Digests of blobs.
pub type Digests = BTreeSet<String>;

/// Adds what a task refers to.
fn refer(row: &SqliteRow, into: &mut Digests) -> Result<(), StoreError> {
    let mut add = |blobs: &[BlobRef]| into.extend(blobs.iter().map(|blob| blob.digest.clone()));
    if let Work::Survey { study } = from_json("work", row.try_get("work")?)? {
        add(&[study]);
    }
    let output: Option<&str> = row.try_get("output")?;
    match output.map(|text| from_json("output", text)).transpose()? {
        None => {}
        Some(Output::Facts(facts)) => add(&[facts]),
        Some(Output::Node { layers, .. }) => add(&layers),
        Some(Output::Layer { report, broadcast, carry, .. }) => add(&[report, broadcast, carry]),
    }
    Ok(())
}

impl Store {
    /// Reads the ended jobs whose tasks' blobs have not been collected.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn uncollected_jobs(&self) -> Result<Vec<String>, StoreError> {
        let query = "SELECT id FROM jobs WHERE ended_at IS NOT NULL AND NOT collected ORDER BY ended_at, id";
        Ok(sqlx::query_scalar(query).fetch_all(&self.pool).await?)
    }

    /// Notes that the blobs of a job's tasks have been collected.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn note_collected(&self, job: &str) -> Result<(), StoreError> {
        sqlx::query("UPDATE jobs SET collected = 1 WHERE id = ?").bind(job).execute(&self.pool).await?;
        Ok(())
    }

    /// Reads what the tasks of a job made or were given.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn blobs_of_tasks(&self, job: &str) -> Result<Digests, StoreError> {
        let query = sqlx::query("SELECT work, output FROM tasks WHERE job = ?").bind(job);
        let mut found = Digests::new();
        for row in query.fetch_all(&self.pool).await? {
            refer(&row, &mut found)?;
        }
        Ok(found)
    }

    /// Reads what must be kept whatever becomes of a job: plans and results of all jobs, and all that the tasks of other open jobs
    /// refer to. Equal bytes are stored once, so two jobs may share them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn blobs_in_use(&self, except: &str) -> Result<Digests, StoreError> {
        let mut kept = Digests::new();
        for row in sqlx::query("SELECT * FROM jobs").fetch_all(&self.pool).await? {
            let job = JobRecord::read(&row)?;
            kept.extend(
                job.plan
                    .iter()
                    .chain(job.results.iter().flatten().map(|(_, blob)| blob))
                    .map(|b| b.digest.clone()),
            );
        }
        let others = "SELECT work, output FROM tasks WHERE job <> ? AND job IN (SELECT id FROM jobs WHERE ended_at IS NULL)";
        for row in sqlx::query(others).bind(except).fetch_all(&self.pool).await? {
            refer(&row, &mut kept)?;
        }
        Ok(kept)
    }
}
