//! The ops that a worker on this machine would offer.

use crate::settings::Settings;
use isoscope_core::catalogue::{OpManifest, PluginFacts};
use isoscope_worker::{PluginDirectory, PluginSet};
use serde::Serialize;

/// An op and where it comes from.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Entry {
    /// Id of the plugin.
    pub(super) plugin: String,
    /// "built-in", or the plugin's file.
    pub(super) source: String,
    /// What the op says of itself.
    #[serde(flatten)]
    pub(super) op: OpManifest,
}

/// Reads the manifests of the built-in plugins and of those in the directory of plugins, in their order.
pub(super) fn load(settings: &Settings) -> anyhow::Result<Vec<Entry>> {
    let mut plugins = PluginSet::built_in()?;
    if let Some(directory) = settings.worker.plugins()? {
        plugins = PluginDirectory::open(&directory, plugins)?.load().plugins;
    }
    Ok(plugins.facts().into_iter().flat_map(entries).collect())
}

fn entries(plugin: PluginFacts) -> impl Iterator<Item = Entry> {
    let (id, source) = (plugin.manifest.id, plugin.source);
    plugin.manifest.ops.into_iter().map(move |op| Entry { plugin: id.clone(), source: source.clone(), op })
}

/// Finds the ops of an id: those that bear it, else those that report a value of it.
pub(super) fn find<'a>(entries: &'a [Entry], id: &str) -> Vec<&'a Entry> {
    let named: Vec<&Entry> = entries.iter().filter(|entry| entry.op.id == id).collect();
    if !named.is_empty() {
        return named;
    }
    entries.iter().filter(|entry| entry.op.outputs.iter().any(|output| output.covers(id))).collect()
}

/// The id that is most like `id`.
pub(super) fn nearest<'a>(entries: &'a [Entry], id: &str) -> Option<&'a str> {
    let outputs = |entry: &'a Entry| entry.op.outputs.iter().map(|output| output.id.as_str());
    let known = entries.iter().flat_map(|entry| std::iter::once(entry.op.id.as_str()).chain(outputs(entry)));
    known.max_by(|a, b| strsim::jaro_winkler(id, a).total_cmp(&strsim::jaro_winkler(id, b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built_in() -> Vec<Entry> {
        PluginSet::built_in()
            .unwrap_or_else(|e| panic!("{e}"))
            .facts()
            .into_iter()
            .flat_map(entries)
            .collect()
    }

    fn found(id: &str) -> Vec<String> {
        find(&built_in(), id).into_iter().map(|entry| entry.op.id.clone()).collect()
    }

    #[test]
    fn an_op_is_found_by_its_own_id_and_by_those_of_its_values() {
        assert_eq!(found("spectrum.isoscore"), ["spectrum.isoscore"]);
        assert_eq!(found("partition.nulling_argmax"), ["partition.centered"]);
        assert_eq!(found("spectrum.isoscore_star_zeta0.3"), ["spectrum.isoscore_star"]);
        assert_eq!(found("abtt"), ["abtt"]);
        assert!(found("spectrum").is_empty());
    }

    #[test]
    fn a_misspelt_id_has_a_nearest_one() {
        let entries = built_in();
        assert_eq!(nearest(&entries, "spectrum.isoscor"), Some("spectrum.isoscore"));
        assert_eq!(nearest(&entries, "abt"), Some("abtt"));
    }
}
