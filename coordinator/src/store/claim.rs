//! Claims: tasks leased to a session, those that suit it best first.

use super::events::note;
use super::sessions::alive;
use super::{EventKind, JobRecord, JobState, Millis, Session, Store, StoreError, Tx, from_json, to_json};
use crate::scheduler::refusal;
use isoscope_core::task::Work;
use sqlx::Row;

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

/// Who asks for tasks.
#[derive(Debug, Clone, Copy)]
pub struct Claimer<'a> {
    /// The session.
    pub session: &'a str,
    /// Tasks that it has room for.
    pub most: u32,
    /// Weights digests of the encoders that it has in memory.
    pub loaded: &'a [String],
}

impl Store {
    /// Leases tasks to a session that is alive, the oldest job first, of those that the worker can serve.
    ///
    /// Within a job, a pass whose rows the worker has kept from the stage before comes first, then tasks of an encoder that it has
    /// in memory, then the order of the plan.
    ///
    /// # Errors
    /// When the session has expired, or the database fails.
    pub async fn claim_tasks(&self, claimer: Claimer<'_>, now: Millis) -> Result<Vec<Claimed>, StoreError> {
        let mut tx = self.begin().await?;
        let session = alive(&mut tx, claimer.session, now).await?;
        let mut claimed = Vec::new();
        if session.closed().is_none() {
            for job in waiting_jobs(&mut tx, now).await? {
                let room = claimer.most.saturating_sub(claimed.len() as u32);
                if room == 0 {
                    break;
                }
                if refusal(&job.need, &session.capabilities).is_none() {
                    claimed.extend(claim_of(&mut tx, &job, &session, claimer.loaded, room, now).await?);
                }
            }
        }
        tx.commit().await?;
        Ok(claimed)
    }
}

/// Jobs with a task that can be taken now, the oldest first.
async fn waiting_jobs(tx: &mut Tx, now: Millis) -> Result<Vec<JobRecord>, StoreError> {
    let rows = sqlx::query(
        "SELECT * FROM jobs WHERE state IN ('QUEUED', 'RUNNING') AND EXISTS
           (SELECT 1 FROM tasks t WHERE t.job = jobs.id AND t.state = 'QUEUED' AND t.not_before <= ?)
         ORDER BY created_at, id",
    )
    .bind(now)
    .fetch_all(&mut **tx)
    .await?;
    rows.iter().map(JobRecord::read).collect()
}

async fn claim_of(
    tx: &mut Tx,
    job: &JobRecord,
    session: &Session,
    loaded: &[String],
    most: u32,
    now: Millis,
) -> Result<Vec<Claimed>, StoreError> {
    let rows = sqlx::query(
        "UPDATE tasks SET state = 'LEASED', session = ?1, leased_at = ?2, lease_epoch = lease_epoch + 1
         WHERE id IN (
           SELECT t.id FROM tasks t
           LEFT JOIN tasks before ON before.job = t.job AND before.stage = t.stage - 1 AND before.position = t.position
           WHERE t.job = ?3 AND t.state = 'QUEUED' AND t.not_before <= ?2 AND t.min_memory <= ?4
           ORDER BY before.session IS ?1 DESC, t.model IN (SELECT value FROM json_each(?5)) DESC, t.stage, t.position
           LIMIT ?6)
         RETURNING id, lease_epoch, work",
    )
    .bind(&session.id)
    .bind(now)
    .bind(&job.id)
    .bind(session.capabilities.memory_bytes as i64)
    .bind(to_json("models", &loaded)?)
    .bind(most)
    .fetch_all(&mut **tx)
    .await?;
    if !rows.is_empty() && job.state == JobState::Queued {
        sqlx::query("UPDATE jobs SET state = 'RUNNING' WHERE id = ?")
            .bind(&job.id)
            .execute(&mut **tx)
            .await?;
        note(tx, &job.id, now, EventKind::Started, &format!("on {}", session.worker)).await?;
    }
    let claimed = rows.iter().map(|row| {
        Ok(Claimed {
            id: row.try_get("id")?,
            job: job.id.clone(),
            epoch: row.try_get("lease_epoch")?,
            work: from_json("work", row.try_get("work")?)?,
            base_directory: job.base_directory.clone(),
        })
    });
    claimed.collect()
}
