//! Sessions of workers.

use super::{Store, StoreError, from_json, to_json};
use sqlx::Row;

/// A worker's session.
#[derive(Debug, Clone)]
pub struct Session {
    /// Its id.
    pub id: String,
    /// Name of the worker.
    pub worker: String,
    /// Numerics class of the worker.
    pub numerics_class: String,
    /// Plugins that it offers, by id and digest.
    pub plugins: Vec<(String, String)>,
}

impl Store {
    /// Registers a session, or takes it up again.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn register_session(&self, session: &Session, until: i64) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO sessions (id, worker, numerics_class, plugins, lease_until) VALUES (?, ?, ?, ?, ?)
             ON CONFLICT (id) DO UPDATE SET lease_until = excluded.lease_until, plugins = excluded.plugins",
        )
        .bind(&session.id)
        .bind(&session.worker)
        .bind(&session.numerics_class)
        .bind(to_json("plugins", &session.plugins)?)
        .bind(until)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Reads a session that is alive.
    ///
    /// # Errors
    /// When it is unknown or has expired.
    pub async fn session(&self, id: &str, now: i64) -> Result<Session, StoreError> {
        let query = sqlx::query("SELECT * FROM sessions WHERE id = ? AND lease_until > ?").bind(id).bind(now);
        let row = query.fetch_optional(&self.pool).await?;
        let row = row.ok_or_else(|| StoreError::SessionExpired(id.to_owned()))?;
        Ok(Session {
            id: row.try_get("id")?,
            worker: row.try_get("worker")?,
            numerics_class: row.try_get("numerics_class")?,
            plugins: from_json("plugins", row.try_get("plugins")?)?,
        })
    }

    /// Keeps a session alive until `until`. One row, however many tasks the worker holds.
    ///
    /// # Errors
    /// When it is unknown or has expired.
    pub async fn renew_session(&self, id: &str, now: i64, until: i64) -> Result<(), StoreError> {
        let query = sqlx::query("UPDATE sessions SET lease_until = ? WHERE id = ? AND lease_until > ?");
        let done = query.bind(until).bind(id).bind(now).execute(&self.pool).await?;
        if done.rows_affected() == 0 { Err(StoreError::SessionExpired(id.to_owned())) } else { Ok(()) }
    }

    /// Tells which of the given leases a session no longer holds.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn revoked(&self, session: &str, leases: &[(i64, i64)]) -> Result<Vec<i64>, StoreError> {
        let mut revoked = Vec::new();
        for &(task, epoch) in leases {
            let held: i64 = sqlx::query_scalar(
                "SELECT COUNT(*) FROM tasks WHERE id = ? AND lease_epoch = ? AND session = ? AND state = 'LEASED'",
            )
            .bind(task)
            .bind(epoch)
            .bind(session)
            .fetch_one(&self.pool)
            .await?;
            if held == 0 {
                revoked.push(task);
            }
        }
        Ok(revoked)
    }

    /// Requeues the tasks of sessions that have expired, at their old place; a task lost `most` times fails its job.
    /// Returns the jobs that were touched, with the id of a task that was lost too often.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn expire_sessions(
        &self,
        now: i64,
        most: u32,
    ) -> Result<Vec<(String, Option<i64>)>, StoreError> {
        let mut tx = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let rows = sqlx::query(
            "UPDATE tasks SET state = CASE WHEN losses + 1 >= ? THEN 'FAILED' ELSE 'QUEUED' END, losses = losses + 1
             WHERE state = 'LEASED' AND session IN (SELECT id FROM sessions WHERE lease_until <= ?)
             RETURNING job, id, state",
        )
        .bind(most)
        .bind(now)
        .fetch_all(&mut *tx)
        .await?;
        sqlx::query("DELETE FROM sessions WHERE lease_until <= ?").bind(now).execute(&mut *tx).await?;
        tx.commit().await?;
        let touched = rows.iter().map(|row| {
            let state: &str = row.try_get("state")?;
            let id: i64 = row.try_get("id")?;
            Ok((row.try_get("job")?, (state == "FAILED").then_some(id)))
        });
        touched.collect()
    }
}
