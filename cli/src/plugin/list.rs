//! `isoscope plugin list` of this machine: the built-in plugins and those of a directory.

use super::args::ListArgs;
use super::{print, short};
use crate::failure::Failure;
use crate::output;
use crate::settings::Settings;
use comfy_table::Table;
use isoscope_worker::PluginSet;
use serde::Serialize;
use std::path::Path;

/// One line of the list.
#[derive(Debug, Serialize)]
struct Listed {
    id: String,
    version: String,
    source: String,
    digest: String,
    ops: Vec<String>,
    status: String,
}

/// Lists what a worker on this machine would offer.
pub(super) fn run(args: &ListArgs, settings: &Settings) -> anyhow::Result<()> {
    let mut listed = offered(&PluginSet::built_in()?);
    let configured = &settings.worker.plugin_directory;
    let directory = args.dir.as_ref().or_else(|| (!configured.as_os_str().is_empty()).then_some(configured));
    if let Some(directory) = directory {
        listed.extend(of_directory(directory)?);
    }
    print(&listed, args.output, table)
}

fn offered(set: &PluginSet) -> Vec<Listed> {
    let listed = set.facts().into_iter().map(|plugin| Listed {
        id: plugin.manifest.id,
        version: plugin.manifest.version,
        source: plugin.source,
        digest: plugin.digest,
        ops: plugin.manifest.ops.into_iter().map(|op| op.id).collect(),
        status: "ok".to_owned(),
    });
    listed.collect()
}

/// Every plugin file of a directory: loaded, or with the reason why not.
fn of_directory(directory: &Path) -> anyhow::Result<Vec<Listed>> {
    let candidates = isoscope_worker::scan(directory)
        .map_err(|e| Failure::field("--dir", format!("{} cannot be read: {e}", directory.display())))?;
    let mut listed = Vec::new();
    for candidate in candidates {
        let mut set = PluginSet::empty();
        match set.load(&candidate.path) {
            Ok(()) => listed.extend(offered(&set)),
            Err(error) => listed.push(Listed {
                id: String::new(),
                version: String::new(),
                source: candidate.path.display().to_string(),
                digest: candidate.digest.unwrap_or_default(),
                ops: Vec::new(),
                status: error.to_string(),
            }),
        }
    }
    Ok(listed)
}

fn table(listed: &[Listed]) -> Table {
    let mut table = output::sheet(&["plugin", "version", "source", "digest", "ops", "status"]);
    for plugin in listed {
        let ops = plugin.ops.join("\n");
        let digest = short(&plugin.digest);
        table.add_row([&plugin.id, &plugin.version, &plugin.source, &digest, &ops, &plugin.status]);
    }
    table
}
