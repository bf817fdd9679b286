//! `isoscope worker`.

use crate::args::PluginDirArgs;
use crate::connect::ConnectArgs;
use crate::failure::Failure;
use crate::scratch::Scratch;
use crate::settings::{Settings, WorkerSettings};
use crate::signals::Signals;
use clap::Args;
use isoscope_core::violation::Violations;
use isoscope_worker::{PluginSet, Stop, Worker, WorkerConfig, WorkerError};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tonic::Code;

/// Arguments of `worker`.
#[derive(Debug, Args)]
pub(crate) struct WorkerArgs {
    #[command(flatten)]
    pub(crate) connect: ConnectArgs,
    /// Name for people; by default the host's.
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) plugins: PluginDirArgs,
    /// Directory for the row cache, which is removed at the end; by default isoscope/runs in the user's cache directory.
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
}

/// Works until the first signal, then ends what is in work; the second signal gives it back at once.
pub(crate) async fn run(args: &WorkerArgs, settings: &Settings, scratch: &Scratch) -> anyhow::Result<()> {
    let mut signals = Signals::catch()?;
    let remote = args.connect.required(&settings.client)?;
    let drain = settings.worker.drain().map_err(|wrong| Failure::Study(Violations(vec![wrong])))?;
    let state = scratch.directory(&settings.worker, "worker-")?;
    let config = config(&settings.worker, settings.worker.resolved_name(), state, drain)?;
    tracing::info!(name = config.name, slots = config.slots, coordinator = remote.url, "working");
    let worker = Worker::new(config, PluginSet::built_in()?)?;
    let stop = Stop::default();
    let mut working = std::pin::pin!(worker.run(remote.link, stop.clone()));
    loop {
        tokio::select! {
            outcome = &mut working => return Ok(outcome.map_err(|error| failed(remote.url, &error))?),
            () = signals.next() => if stop.drain.is_cancelled() { stop.now.cancel() } else { stop.drain.cancel() },
        }
    }
}

/// What ended a worker, as people and scripts should take it.
fn failed(url: String, error: &WorkerError) -> Failure {
    match error {
        WorkerError::Rpc { code: Code::Unauthenticated | Code::PermissionDenied, message } => {
            Failure::NotLetIn { url, reason: message.clone() }
        }
        WorkerError::Rpc { code: Code::Unavailable, message } => {
            Failure::Unreachable { url, reason: message.clone() }
        }
        other => Failure::Refused(other.to_string()),
    }
}

/// The worker that the settings describe, with its row cache in `state`.
///
/// # Errors
/// When there is no such directory of plugins, or the name of the device is none.
pub(crate) fn config(
    settings: &WorkerSettings,
    name: String,
    state: &Path,
    drain: Duration,
) -> Result<WorkerConfig, Failure> {
    Ok(WorkerConfig {
        name,
        slots: settings.resolved_slots(),
        device: settings.device_name().map_err(|wrong| Failure::Study(Violations(vec![wrong])))?,
        row_cache: state.join("rows"),
        row_cache_bytes: settings.row_cache_bytes,
        plugin_directory: settings.plugins()?,
        drain,
    })
}
