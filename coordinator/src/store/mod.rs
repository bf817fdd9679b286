//! The store of jobs, tasks, sessions and events: SQLite with a write-ahead log, synchronous.
//!
//! Its verbs are transactions of the domain (claim, commit, fail, expire, …), never get and put: whatever must be true together
//! changes together, the end of a job and the task that ended it included.

mod blobs;
mod claim;
mod commit;
mod events;
mod expire;
mod fail;
mod jobs;
mod sessions;
mod tasks;
#[cfg(test)]
mod tests;

pub use blobs::Digests;
pub use claim::{Claimed, Claimer};
pub use commit::{Advance, Committed, NewPlan};
pub use events::{Event, EventKind};
pub use fail::{Attempt, Failed, Retries};
pub use jobs::{End, JobRecord, JobState, NewJob, Results};
pub use sessions::{Beat, NewSession, Session};
pub use tasks::{Held, RunningTask};

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Sqlite, SqlitePool, Transaction};
use std::path::Path;
use std::time::Duration;

/// Milliseconds since the epoch, by the coordinator's clock.
pub type Millis = i64;

type Tx = Transaction<'static, Sqlite>;

/// The store failed, or refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// The schema could not be brought up to date.
    #[error("the database could not be brought up to date: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// What is stored cannot be read.
    #[error("the {what} in the database cannot be read: {reason}")]
    Malformed {
        /// What it is.
        what: &'static str,
        /// What the reader said.
        reason: String,
    },
    /// The request id was used for another study.
    #[error("the request id `{0}` was used before for another study")]
    RequestIdReused(String),
    /// There is no such job.
    #[error("there is no job `{0}`")]
    NoSuchJob(String),
    /// The session is unknown or has expired.
    #[error("the session `{0}` is unknown or has expired; register again")]
    SessionExpired(String),
    /// The lease is held by somebody else by now, or the task was cancelled.
    #[error("the lease of task {0} is no longer held")]
    LeaseLost(i64),
}

/// A lease, as a worker shows it.
#[derive(Debug, Clone, Copy)]
pub struct Lease<'a> {
    /// Session that holds it.
    pub session: &'a str,
    /// The task.
    pub task: i64,
    /// Fences it: every lease of a task has a greater epoch than the one before.
    pub epoch: i64,
}

/// The store. One connection, because SQLite would serialise writers anyway.
#[derive(Debug, Clone)]
pub struct Store {
    pool: SqlitePool,
}

impl Store {
    /// Opens or makes the database at `path` and brings its schema up to date. When it is to be `durable`, every commit is on disk
    /// before it counts.
    ///
    /// # Errors
    /// When it cannot be opened, or is of a newer version.
    pub async fn open(path: &Path, durable: bool) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(if durable { SqliteSynchronous::Full } else { SqliteSynchronous::Off })
            .busy_timeout(Duration::from_secs(10));
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
        sqlx::migrate!().run(&pool).await?;
        Ok(Self { pool })
    }

    /// Closes the database.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Begins a transaction that writes.
    async fn begin(&self) -> Result<Tx, StoreError> {
        Ok(self.pool.begin_with("BEGIN IMMEDIATE").await?)
    }
}

fn malformed(what: &'static str) -> impl Fn(serde_json::Error) -> StoreError {
    move |e| StoreError::Malformed { what, reason: e.to_string() }
}

fn to_json<T: serde::Serialize>(what: &'static str, value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(malformed(what))
}

fn from_json<T: serde::de::DeserializeOwned>(what: &'static str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(malformed(what))
}
