//! Sessions of workers.

use super::events::note;
use super::tasks::title;
use super::{EventKind, Millis, Store, StoreError, Tx, from_json, to_json};
use crate::scheduler::{Candidate, Capabilities};
use isoscope_core::catalogue::{Manifest, PluginFacts};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

/// A session to be opened, or taken up again.
#[derive(Debug, Clone)]
pub struct NewSession {
    /// Its id.
    pub id: String,
    /// Whether it was held before; then it must still be alive.
    pub held: bool,
    /// Name of the worker.
    pub worker: String,
    /// What the worker can do.
    pub capabilities: Capabilities,
    /// Id, digest and manifest (JSON) of its plugins.
    pub manifests: Vec<(String, String, String)>,
}

/// A session that is alive.
#[derive(Debug, Clone)]
pub struct Session {
    /// Its id.
    pub id: String,
    /// Name of the worker.
    pub worker: String,
    /// What the worker can do.
    pub capabilities: Capabilities,
    /// Whether the worker is stopping.
    pub draining: bool,
    /// Whether it is given nothing because it failed too often.
    pub cordoned: bool,
    /// When it was opened.
    pub registered_at: Millis,
    /// When the worker was last heard of.
    pub beat_at: Millis,
}

impl Session {
    pub(super) fn read(row: &SqliteRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.try_get("id")?,
            worker: row.try_get("worker")?,
            capabilities: from_json("capabilities", row.try_get("capabilities")?)?,
            draining: row.try_get("draining")?,
            cordoned: row.try_get("cordoned")?,
            registered_at: row.try_get("registered_at")?,
            beat_at: row.try_get("beat_at")?,
        })
    }

    /// Why the worker takes no tasks at present; `None` when it does.
    #[must_use]
    pub fn closed(&self) -> Option<&'static str> {
        match (self.draining, self.cordoned) {
            (true, _) => Some("is draining"),
            (_, true) => Some("is cordoned: it failed several tasks in a row, see its log and restart it"),
            _ => None,
        }
    }

    /// The session as placement sees it.
    #[must_use]
    pub fn candidate(&self) -> Candidate {
        Candidate {
            name: self.worker.clone(),
            capabilities: self.capabilities.clone(),
            closed: self.closed(),
        }
    }
}

/// A heartbeat.
#[derive(Debug, Clone)]
pub struct Beat<'a> {
    /// The session.
    pub session: &'a str,
    /// Tasks and epochs of all leases that the worker knows of.
    pub running: &'a [(i64, i64)],
    /// Whether the worker is stopping.
    pub draining: bool,
    /// Leases older than this that the worker does not know of never reached it.
    pub stale_before: Millis,
    /// When the session ends without another beat.
    pub until: Millis,
}

/// Reads a session that is alive.
pub(super) async fn alive(tx: &mut Tx, id: &str, now: Millis) -> Result<Session, StoreError> {
    let query = sqlx::query("SELECT * FROM sessions WHERE id = ? AND lease_until > ?").bind(id).bind(now);
    let row = query.fetch_optional(&mut **tx).await?;
    Session::read(&row.ok_or_else(|| StoreError::SessionExpired(id.to_owned()))?)
}

/// Queues leases of a session again without counting anything: all of them, or those that `keep` does not name.
async fn give_back(
    tx: &mut Tx,
    session: &str,
    now: Millis,
    (keep, before): (&[(i64, i64)], Millis),
) -> Result<u64, StoreError> {
    let rows = sqlx::query(
        // json_each has a column id of its own, so the table is named.
        "UPDATE tasks SET state = 'QUEUED' WHERE state = 'LEASED' AND session = ? AND leased_at < ?
         AND NOT EXISTS (SELECT 1 FROM json_each(?) k WHERE k.value ->> 0 = tasks.id AND k.value ->> 1 = tasks.lease_epoch)
         RETURNING job, work",
    )
    .bind(session)
    .bind(before)
    .bind(to_json("leases", &keep)?)
    .fetch_all(&mut **tx)
    .await?;
    for row in &rows {
        note(tx, row.try_get("job")?, now, EventKind::TaskReleased, &title(row)?).await?;
    }
    Ok(rows.len() as u64)
}

impl Store {
    /// Opens a session, or takes one up again with what the worker can do by now.
    ///
    /// # Errors
    /// When a session that was held before is unknown or has expired.
    pub async fn register_session(
        &self,
        session: &NewSession,
        now: Millis,
        until: Millis,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        if session.held {
            alive(&mut tx, &session.id, now).await?;
        }
        for (plugin, digest, manifest) in &session.manifests {
            sqlx::query("INSERT OR IGNORE INTO manifests (plugin, digest, manifest) VALUES (?, ?, ?)")
                .bind(plugin)
                .bind(digest)
                .bind(manifest)
                .execute(&mut *tx)
                .await?;
        }
        sqlx::query(
            "INSERT INTO sessions (id, worker, capabilities, registered_at, beat_at, lease_until) VALUES (?1, ?2, ?3, ?4, ?4, ?5)
             ON CONFLICT (id) DO UPDATE SET worker = ?2, capabilities = ?3, beat_at = ?4, lease_until = ?5",
        )
        .bind(&session.id)
        .bind(&session.worker)
        .bind(to_json("capabilities", &session.capabilities)?)
        .bind(now)
        .bind(until)
        .execute(&mut *tx)
        .await?;
        tx.commit().await?;
        Ok(())
    }

    /// Keeps a session alive, one row however many tasks the worker holds. Returns the leases among `beat.running` that are no
    /// longer the worker's, and how many tasks were queued again because they never reached it.
    ///
    /// # Errors
    /// When the session is unknown or has expired.
    pub async fn beat(&self, beat: &Beat<'_>, now: Millis) -> Result<(Vec<i64>, u64), StoreError> {
        let mut tx = self.begin().await?;
        alive(&mut tx, beat.session, now).await?;
        sqlx::query("UPDATE sessions SET beat_at = ?, lease_until = ?, draining = ? WHERE id = ?")
            .bind(now)
            .bind(beat.until)
            .bind(beat.draining)
            .bind(beat.session)
            .execute(&mut *tx)
            .await?;
        let again = give_back(&mut tx, beat.session, now, (beat.running, beat.stale_before)).await?;
        let revoked = sqlx::query_scalar(
            "SELECT k.value ->> 0 FROM json_each(?) k WHERE NOT EXISTS (SELECT 1 FROM tasks t WHERE t.id = k.value ->> 0
             AND t.lease_epoch = k.value ->> 1 AND t.session = ? AND t.state = 'LEASED')",
        );
        let revoked = revoked.bind(to_json("leases", &beat.running)?).bind(beat.session);
        let revoked: Vec<i64> = revoked.fetch_all(&mut *tx).await?;
        tx.commit().await?;
        Ok((revoked, again))
    }

    /// Closes a session; what it holds is queued again at once. A session that is not there is closed already.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn close_session(&self, id: &str, now: Millis) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        give_back(&mut tx, id, now, (&[], Millis::MAX)).await?;
        sqlx::query("DELETE FROM sessions WHERE id = ?").bind(id).execute(&mut *tx).await?;
        tx.commit().await?;
        Ok(())
    }

    /// Gives every session until `until` at least, after a time in which no worker could be heard.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn extend_sessions(&self, until: Millis) -> Result<(), StoreError> {
        sqlx::query("UPDATE sessions SET lease_until = MAX(lease_until, ?)")
            .bind(until)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Reads the sessions that are alive, in order of the workers' names, with the number of tasks that each holds.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn sessions(&self, now: Millis) -> Result<Vec<(Session, u32)>, StoreError> {
        let rows = sqlx::query(
            "SELECT *, (SELECT COUNT(*) FROM tasks WHERE session = sessions.id AND state = 'LEASED') AS running
             FROM sessions WHERE lease_until > ? ORDER BY worker, registered_at, id",
        )
        .bind(now)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| Ok((Session::read(row)?, row.try_get("running")?))).collect()
    }

    /// Reads the manifests of plugins that workers offered, by digest. Those that cannot be read are left out: a worker of a
    /// newer release may offer them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn manifests(
        &self,
        plugins: &[crate::scheduler::Offered],
    ) -> Result<Vec<PluginFacts>, StoreError> {
        let mut found = Vec::new();
        for plugin in plugins {
            let query = sqlx::query_scalar("SELECT manifest FROM manifests WHERE plugin = ? AND digest = ?")
                .bind(&plugin.id)
                .bind(&plugin.digest);
            let manifest: Option<String> = query.fetch_optional(&self.pool).await?;
            let manifest = manifest.and_then(|text| serde_json::from_str::<Manifest>(&text).ok());
            let (digest, source) = (plugin.digest.clone(), plugin.source.clone());
            found.extend(manifest.map(|manifest| PluginFacts { manifest, digest, source }));
        }
        Ok(found)
    }
}
