//! The coordinator's truth: jobs, tasks and sessions in SQLite.
//!
//! Verbs are transactions, never get and put, so that fencing and progress are decided in one place. Time comes from the
//! caller, in milliseconds; the store has no clock.

mod jobs;
mod sessions;
mod tasks;

pub use jobs::{JobRecord, JobState, NewJob, Results};
pub use sessions::Session;
pub use tasks::{Advance, Claimed, Committed, Failed};

use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use std::path::Path;
use std::time::Duration;

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

/// The store. One connection writes; SQLite would serialise writers anyway.
#[derive(Debug, Clone)]
pub struct Store {
    pool: SqlitePool,
}

impl Store {
    /// Opens or makes the database at `path` and brings its schema up to date.
    ///
    /// # Errors
    /// When it cannot be opened, or is of a newer version.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .foreign_keys(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(Duration::from_secs(10));
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
        sqlx::migrate!().run(&pool).await?;
        Ok(Self { pool })
    }

    /// Closes the database.
    pub async fn close(&self) {
        self.pool.close().await;
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
