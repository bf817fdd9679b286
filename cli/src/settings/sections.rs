//! The sections of the settings and their defaults.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The log on standard error.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogSettings {
    /// Level or filter; empty means `warn`, and `info` for a coordinator or a worker.
    pub(crate) filter: String,
    /// `text` or `json`.
    pub(crate) format: LogFormat,
}

/// Form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// A coordinator of its own process.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CoordinatorSettings {
    /// Address and port to listen on; port 0 takes a free one.
    pub(crate) listen: String,
    /// Directory of the database and the blobs; empty means the user's state directory.
    pub(crate) state_directory: PathBuf,
    /// Seconds that a worker's session lives without a heartbeat.
    pub(crate) session_ttl_seconds: f64,
    /// Seconds between two heartbeats of a worker.
    pub(crate) heartbeat_seconds: f64,
    /// Losses with a worker after which a task fails its job.
    pub(crate) max_losses: u32,
    /// Passing failures after which a task fails its job.
    pub(crate) max_failures: u32,
    /// File with the token that clients and workers must show; empty means none.
    pub(crate) token_file: PathBuf,
}

/// Commands that speak to a coordinator.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClientSettings {
    /// Address of the coordinator; empty means none.
    pub(crate) coordinator: String,
    /// File with the token to show; empty means none.
    pub(crate) token_file: PathBuf,
}

/// A worker, of its own process or of a local run.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WorkerSettings {
    /// Name for people; empty means the host's.
    pub(crate) name: String,
    /// Tasks run at once; 0 means one a core, and at most eight on a GPU.
    pub(crate) slots: usize,
    /// Device that encoders run on: `cpu`, `cuda` or `cuda:N`.
    pub(crate) device: String,
    /// Most bytes of hidden states kept on disk for later passes.
    pub(crate) row_cache_bytes: u64,
    /// Directory for the state of runs; empty means the user's cache directory.
    pub(crate) state_directory: PathBuf,
    /// Directory of plugin files; empty means none.
    pub(crate) plugin_directory: PathBuf,
    /// Longest wait for tasks in work when a worker is stopped, in seconds.
    pub(crate) drain_seconds: f64,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { filter: String::new(), format: LogFormat::Text }
    }
}

impl Default for CoordinatorSettings {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:50551".to_owned(),
            state_directory: PathBuf::new(),
            session_ttl_seconds: 30.0,
            heartbeat_seconds: 10.0,
            max_losses: 3,
            max_failures: 4,
            token_file: PathBuf::new(),
        }
    }
}

impl Default for WorkerSettings {
    fn default() -> Self {
        Self {
            name: String::new(),
            slots: 0,
            device: "cpu".to_owned(),
            row_cache_bytes: 8 << 30,
            state_directory: PathBuf::new(),
            plugin_directory: PathBuf::new(),
            drain_seconds: 60.0,
        }
    }
}
