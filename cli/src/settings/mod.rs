//! Settings of the program, layered: defaults, then a file, then `ISOSCOPE__…` variables, then flags.

mod check;
mod directories;
mod sections;

pub(crate) use sections::{ClientSettings, CoordinatorSettings, LogSettings, WorkerSettings};

use crate::args::{Cli, Command};
use crate::failure::Failure;
use anyhow::Context as _;
use sections::LogFormat;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use tracing_subscriber::EnvFilter;

/// Settings that are no part of a study: they change speed and place, never a number.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// The log.
    pub(crate) log: LogSettings,
    /// A coordinator of its own process.
    pub(crate) coordinator: CoordinatorSettings,
    /// Commands that speak to a coordinator.
    pub(crate) client: ClientSettings,
    /// A worker, of its own process or of a local run.
    pub(crate) worker: WorkerSettings,
}

/// Reads the settings in their layers.
///
/// # Errors
/// When the file cannot be read, or a key is unknown or has a value that it cannot have.
pub(crate) fn load(cli: &Cli) -> anyhow::Result<Settings> {
    let defaults = config::Config::try_from(&Settings::default()).context("the default settings")?;
    let mut layers = config::Config::builder().add_source(defaults);
    if let Some(path) = &cli.config {
        layers = layers.add_source(config::File::from(path.as_path()));
    }
    layers = layers.add_source(
        config::Environment::with_prefix("ISOSCOPE").prefix_separator("__").separator("__").try_parsing(true),
    );
    let read: Result<Settings, _> = layers.build().and_then(config::Config::try_deserialize);
    let mut settings = read.map_err(|e| Failure::Input(format!("settings: {e}")))?;
    settings.take_flags(cli);
    settings.check()?;
    Ok(settings)
}

impl Settings {
    /// Flags win over every other layer.
    fn take_flags(&mut self, cli: &Cli) {
        replace(&mut self.log.filter, cli.log.as_ref());
        replace(&mut self.worker.slots, cli.slots.as_ref());
        replace(&mut self.worker.device, cli.device.as_ref());
        match &cli.command {
            Command::Coordinator(args) => {
                replace(&mut self.coordinator.listen, args.listen.as_ref());
                replace(&mut self.coordinator.state_directory, args.state.as_ref());
                replace(&mut self.coordinator.token_file, args.token_file.as_ref());
            }
            Command::Worker(args) => {
                replace(&mut self.worker.name, args.name.as_ref());
                replace(&mut self.worker.state_directory, args.state.as_ref());
            }
            _ => (),
        }
        replace(&mut self.worker.plugin_directory, cli.command.plugins());
        if self.log.filter.is_empty() {
            // A program that runs for days says what it does; a command says what is wrong.
            let serves = matches!(cli.command, Command::Coordinator(_) | Command::Worker(_));
            self.log.filter.push_str(if serves { "info" } else { "warn" });
        }
    }
}

fn replace<T: Clone>(setting: &mut T, flag: Option<&T>) {
    if let Some(flag) = flag {
        setting.clone_from(flag);
    }
}

/// A directory that a setting names; empty means none.
fn named(directory: &PathBuf) -> Option<&PathBuf> {
    (!directory.as_os_str().is_empty()).then_some(directory)
}

/// Starts the log.
///
/// # Errors
/// When the filter is none.
pub(crate) fn start_logging(settings: &LogSettings) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&settings.filter)
        .map_err(|e| Failure::field("log.filter", format!("`{}` is no log filter: {e}", settings.filter)))?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match settings.format {
        LogFormat::Text => log.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init(),
        LogFormat::Json => log.json().try_init(),
    };
    started.map_err(|e| anyhow::anyhow!("the log did not start: {e}"))
}
