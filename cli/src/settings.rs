//! Settings of the program, layered: defaults, then a file, then `ISOSCOPE__…` variables, then flags.

use crate::args::Cli;
use crate::failure::Failure;
use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use tracing_subscriber::EnvFilter;

/// Settings that are no part of a study: they change speed and place, never a number.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// The log.
    pub(crate) log: LogSettings,
    /// The worker.
    pub(crate) worker: WorkerSettings,
}

/// The log on standard error.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogSettings {
    /// Level or filter.
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

/// The worker in this process.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WorkerSettings {
    /// Tasks run at once; 0 means one a core.
    pub(crate) slots: usize,
    /// Most bytes of hidden states kept on disk for later passes.
    pub(crate) row_cache_bytes: u64,
    /// Directory for the state of runs; empty means the user's cache directory.
    pub(crate) state_directory: PathBuf,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            log: LogSettings { filter: "warn".to_owned(), format: LogFormat::Text },
            worker: WorkerSettings { slots: 0, row_cache_bytes: 8 << 30, state_directory: PathBuf::new() },
        }
    }
}

/// Reads the settings in their layers.
pub(crate) fn load(cli: &Cli) -> anyhow::Result<Settings> {
    let defaults = config::Config::try_from(&Settings::default()).context("the default settings")?;
    let mut layers = config::Config::builder().add_source(defaults);
    if let Some(path) = &cli.config {
        layers = layers.add_source(config::File::from(path.as_path()));
    }
    layers = layers.add_source(
        config::Environment::with_prefix("ISOSCOPE").prefix_separator("__").separator("__").try_parsing(true),
    );
    if let Some(filter) = &cli.log {
        layers = layers.set_override("log.filter", filter.as_str())?;
    }
    if let Some(slots) = cli.slots {
        layers = layers.set_override("worker.slots", slots as u64)?;
    }
    let read = layers.build().and_then(config::Config::try_deserialize);
    read.map_err(|e| Failure::Input(format!("settings: {e}")).into())
}

impl WorkerSettings {
    /// Tasks to run at once.
    pub(crate) fn resolved_slots(&self) -> usize {
        match self.slots {
            0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            slots => slots,
        }
    }

    /// Directory for the state of runs.
    pub(crate) fn resolved_state_directory(&self) -> PathBuf {
        if !self.state_directory.as_os_str().is_empty() {
            return self.state_directory.clone();
        }
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache"));
        cache.or_else(home).unwrap_or_else(|| PathBuf::from(".cache")).join("isoscope").join("runs")
    }
}

/// Starts the log.
pub(crate) fn start_logging(settings: &LogSettings) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&settings.filter)
        .map_err(|e| Failure::field("log.filter", format!("`{}` is no log filter: {e}", settings.filter)))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match settings.format {
        LogFormat::Text => log.try_init(),
        LogFormat::Json => log.json().try_init(),
    };
    started.map_err(|e| anyhow::anyhow!("the log did not start: {e}"))
}
