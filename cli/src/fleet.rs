//! `isoscope fleet`.

use crate::args::{FleetArgs, PlanFormat};
use crate::client::Client;
use crate::settings::Settings;
use crate::{output, times, words};
use isoscope_proto::v1::{OfferedPlugin, RejectedPlugin, Worker};
use serde::Serialize;
use std::io::Write as _;

/// What a worker names as the source of a plugin that is linked into it.
const BUILT_IN: &str = "built-in";

/// A worker as other programs read it.
#[derive(Debug, Serialize)]
struct WorkerDocument {
    name: String,
    state: &'static str,
    device: String,
    dtype: String,
    numerics_class: String,
    slots: u32,
    running: u32,
    memory_bytes: u64,
    encoder_families: Vec<String>,
    plugins: Vec<PluginDocument>,
    rejected_plugins: Vec<RejectedDocument>,
    register_time: Option<String>,
    heartbeat_time: Option<String>,
}

/// A plugin that a worker offers.
#[derive(Debug, Serialize)]
struct PluginDocument {
    id: String,
    version: String,
    digest: String,
    source: String,
}

/// A plugin file that a worker refused.
#[derive(Debug, Serialize)]
struct RejectedDocument {
    source: String,
    digest: String,
    reason: String,
}

/// Lists the workers of a coordinator.
pub(crate) async fn run(args: &FleetArgs, settings: &Settings) -> anyhow::Result<()> {
    let mut client = Client::elsewhere(args.connect.required(&settings.client)?);
    let workers = client.workers().await?;
    let mut out = std::io::stdout().lock();
    match args.output {
        PlanFormat::Table => writeln!(out, "{}", table(&workers))?,
        PlanFormat::Json => {
            let documents: Vec<WorkerDocument> = workers.into_iter().map(WorkerDocument::from).collect();
            writeln!(out, "{}", serde_json::to_string_pretty(&documents)?)?;
        }
    }
    Ok(())
}

impl From<Worker> for WorkerDocument {
    fn from(worker: Worker) -> Self {
        let state = words::worker_state(worker.state());
        let capabilities = worker.capabilities.unwrap_or_default();
        Self {
            name: worker.name,
            state,
            device: capabilities.device,
            dtype: capabilities.dtype,
            numerics_class: capabilities.numerics_class,
            slots: capabilities.slots,
            running: worker.running,
            memory_bytes: capabilities.memory_bytes,
            encoder_families: capabilities.encoder_families,
            plugins: capabilities.plugins.into_iter().map(PluginDocument::from).collect(),
            rejected_plugins: capabilities.rejected_plugins.into_iter().map(RejectedDocument::from).collect(),
            register_time: times::rfc3339(worker.register_time.as_ref()),
            heartbeat_time: times::rfc3339(worker.heartbeat_time.as_ref()),
        }
    }
}

impl From<OfferedPlugin> for PluginDocument {
    fn from(plugin: OfferedPlugin) -> Self {
        Self { id: plugin.id, version: plugin.version, digest: plugin.digest, source: plugin.source }
    }
}

impl From<RejectedPlugin> for RejectedDocument {
    fn from(plugin: RejectedPlugin) -> Self {
        Self { source: plugin.source, digest: plugin.digest, reason: plugin.reason }
    }
}

fn table(workers: &[Worker]) -> String {
    if workers.is_empty() {
        return "no worker is connected; start one with: isoscope worker --coordinator URL".to_owned();
    }
    let header = ["worker", "state", "device", "slots", "running", "plugins", "heartbeat"];
    let mut table = output::sheet(&header);
    for worker in workers {
        let capabilities = worker.capabilities.clone().unwrap_or_default();
        table.add_row([
            worker.name.clone(),
            words::worker_state(worker.state()).to_owned(),
            capabilities.device,
            capabilities.slots.to_string(),
            worker.running.to_string(),
            plugins(&capabilities.plugins, &capabilities.rejected_plugins),
            times::age(worker.heartbeat_time.as_ref()),
        ]);
    }
    table.to_string()
}

/// How many plugins are built in, and a line for each other.
fn plugins(offered: &[OfferedPlugin], rejected: &[RejectedPlugin]) -> String {
    let (built_in, loaded): (Vec<_>, Vec<_>) = offered.iter().partition(|plugin| plugin.source == BUILT_IN);
    let count = format!("{} built in", built_in.len());
    let loaded = loaded.into_iter().map(|plugin| format!("{} {}", plugin.id, plugin.version));
    let rejected = rejected.iter().map(|plugin| format!("refused: {}", plugin.source));
    let lines: Vec<String> = std::iter::once(count).chain(loaded).chain(rejected).collect();
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plugins_that_are_not_built_in_are_named() {
        let offered = |id: &str, source: &str| OfferedPlugin {
            id: id.to_owned(),
            version: "1.0".to_owned(),
            source: source.to_owned(),
            ..OfferedPlugin::default()
        };
        let rejected = RejectedPlugin { source: "p/broken.so".to_owned(), ..RejectedPlugin::default() };
        let listed =
            plugins(&[offered("a", BUILT_IN), offered("b", BUILT_IN), offered("c", "p/c.so")], &[rejected]);
        assert_eq!(listed, "2 built in\nc 1.0\nrefused: p/broken.so");
    }
}
