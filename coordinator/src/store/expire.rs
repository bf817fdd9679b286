//! Workers that went silent.

use super::events::note;
use super::jobs::end;
use super::tasks::title;
use super::{End, EventKind, Millis, Store, StoreError};
use sqlx::Row;

impl Store {
    /// Ends the sessions that have expired and queues their tasks again at their old place. A task that was lost `most` times
    /// fails its job in the same transaction. Returns the jobs that were touched.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn expire_sessions(&self, now: Millis, most: u32) -> Result<Vec<String>, StoreError> {
        let mut tx = self.begin().await?;
        let rows = sqlx::query(
            "UPDATE tasks SET state = CASE WHEN losses + 1 >= ?1 THEN 'FAILED' ELSE 'QUEUED' END, losses = losses + 1
             WHERE state = 'LEASED' AND session IN (SELECT id FROM sessions WHERE lease_until <= ?2)
             RETURNING job, work, state, (SELECT worker FROM sessions s WHERE s.id = session) AS worker",
        )
        .bind(most)
        .bind(now)
        .fetch_all(&mut *tx)
        .await?;
        sqlx::query("DELETE FROM sessions WHERE lease_until <= ?").bind(now).execute(&mut *tx).await?;
        let mut jobs = Vec::new();
        for row in &rows {
            let (job, worker): (String, String) = (row.try_get("job")?, row.try_get("worker")?);
            let task = title(row)?;
            note(&mut tx, &job, now, EventKind::TaskLost, &format!("{task}: {worker} went silent")).await?;
            if row.try_get::<&str, _>("state")? == "FAILED" {
                let reason = format!(
                    "{task} was lost with its worker {most} times, last with {worker}: it may be what kills them; see the \
                     workers' logs"
                );
                end(&mut tx, &job, now, &End::failed(reason, Vec::new())).await?;
            }
            jobs.push(job);
        }
        tx.commit().await?;
        jobs.dedup();
        Ok(jobs)
    }
}
