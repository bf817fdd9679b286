//! `isoscope plugin`.

use crate::args::{PlanFormat, PluginArgs, PluginCommand};
use crate::failure::Failure;
use comfy_table::{Table, presets};
use isoscope_worker::PluginSet;
use serde::Serialize;
use std::io::Write as _;
use std::path::Path;

/// One line of `plugin list`.
#[derive(Debug, Serialize)]
struct Listed {
    id: String,
    version: String,
    source: String,
    digest: String,
    ops: Vec<String>,
    status: String,
}

/// Runs a `plugin` command.
pub(crate) fn run(args: &PluginArgs) -> anyhow::Result<()> {
    let PluginCommand::List { dir, output } = &args.command;
    let mut listed = offered(&PluginSet::built_in()?);
    if let Some(directory) = dir {
        listed.extend(of_directory(directory)?);
    }
    let mut out = std::io::stdout().lock();
    match output {
        PlanFormat::Json => writeln!(out, "{}", serde_json::to_string_pretty(&listed)?)?,
        PlanFormat::Table => writeln!(out, "{}", table(&listed))?,
    }
    Ok(())
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
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(["plugin", "version", "source", "digest", "ops", "status"]);
    for plugin in listed {
        // Enough of a digest to tell files apart.
        let digest: String = plugin.digest.chars().take("sha256:".len() + 12).collect();
        let ops = plugin.ops.join("\n");
        table.add_row([&plugin.id, &plugin.version, &plugin.source, &digest, &ops, &plugin.status]);
    }
    table
}
