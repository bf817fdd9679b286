//! The plugins that a worker offers, and the linear algebra that it lends them.

use crate::error::WorkerError;
use isoscope_core::catalogue::{Manifest, OpManifest, PluginFacts};
use isoscope_core::plan::OpRef;
use isoscope_plugin_host::{Gemm, HostServices, Op, OpInput, Plugin, Source};
use isoscope_plugin_services::{decompose, multiply};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A plugin and its manifest, read.
#[derive(Clone)]
pub(crate) struct Offered(Arc<Known>);

struct Known {
    plugin: Plugin,
    facts: PluginFacts,
}

impl Offered {
    /// Reads the manifest of a plugin.
    pub(crate) fn new(plugin: Plugin) -> Result<Self, WorkerError> {
        let manifest: Manifest = serde_json::from_str(plugin.manifest_json())
            .map_err(|e| WorkerError::Manifest { plugin: plugin.id().to_owned(), reason: e.to_string() })?;
        let source = match plugin.source() {
            Source::BuiltIn => "built-in".to_owned(),
            Source::File(path) => path.display().to_string(),
        };
        let facts = PluginFacts { manifest, digest: plugin.digest().to_owned(), source };
        Ok(Self(Arc::new(Known { plugin, facts })))
    }

    /// Id of the plugin.
    pub(crate) fn id(&self) -> &str {
        self.0.plugin.id()
    }

    /// Version of the plugin.
    pub(crate) fn version(&self) -> &str {
        self.0.plugin.version()
    }

    /// Digest of the bytes that are mapped.
    pub(crate) fn digest(&self) -> &str {
        self.0.plugin.digest()
    }

    /// "built-in", or the file.
    pub(crate) fn source(&self) -> &str {
        &self.0.facts.source
    }

    /// The manifest as the plugin carries it.
    pub(crate) fn manifest_json(&self) -> &str {
        self.0.plugin.manifest_json()
    }
}

/// All plugins of a worker. The built-in ones go through the same table as loaded ones.
#[derive(Clone)]
pub struct PluginSet {
    offered: Vec<Offered>,
    host: Arc<dyn HostServices>,
}

impl PluginSet {
    /// The families that are linked into the binary.
    ///
    /// # Errors
    /// When the manifest of one of them cannot be read, which a test rules out.
    pub fn built_in() -> Result<Self, WorkerError> {
        let tables = [
            &isoscope_moments::PLUGIN,
            &isoscope_spectrum::PLUGIN,
            &isoscope_angular::PLUGIN,
            &isoscope_partition::PLUGIN,
            &isoscope_enhance::PLUGIN,
            &isoscope_sts::PLUGIN,
            &isoscope_pairs::PLUGIN,
            &isoscope_neighbour::PLUGIN,
            &isoscope_cluster::PLUGIN,
            &isoscope_grouped::PLUGIN,
            &isoscope_compare::PLUGIN,
            &isoscope_probe::PLUGIN,
            &isoscope_topology::PLUGIN,
        ];
        let mut set = Self::empty();
        for table in tables {
            set.add(Offered::new(Plugin::built_in(table)?)?);
        }
        Ok(set)
    }

    /// A set without plugins.
    #[must_use]
    pub fn empty() -> Self {
        Self { offered: Vec::new(), host: Arc::new(Services::default()) }
    }

    /// Loads the plugin file at `path`.
    ///
    /// # Errors
    /// When it is no plugin, speaks another ABI, or its manifest cannot be read.
    pub fn load(&mut self, path: &Path) -> Result<(), WorkerError> {
        self.add(Offered::new(Plugin::load(path)?)?);
        Ok(())
    }

    /// The same plugins for one task: the ops that it opens are told to stop once `revoked` is set.
    #[must_use]
    pub fn for_task(&self, revoked: Arc<AtomicBool>) -> Self {
        Self { offered: self.offered.clone(), host: Arc::new(Services { revoked }) }
    }

    pub(crate) fn add(&mut self, plugin: Offered) {
        self.offered.push(plugin);
    }

    /// The plugins, in the order of the set.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Offered> {
        self.offered.iter()
    }

    /// What tells one set from another: id, digest and source of each plugin.
    pub(crate) fn sources(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.offered.iter().map(|o| (o.id(), o.digest(), o.source()))
    }

    /// Where the plugin of this id comes from; `None` when there is none.
    pub(crate) fn source_of(&self, id: &str) -> Option<&str> {
        self.offered.iter().find(|o| o.id() == id).map(Offered::source)
    }

    /// What each plugin says of itself, in the order of the set.
    #[must_use]
    pub fn facts(&self) -> Vec<PluginFacts> {
        self.offered.iter().map(|o| o.0.facts.clone()).collect()
    }

    /// Opens an op of the plan for rows of the given widths.
    ///
    /// # Errors
    /// When no plugin of that digest is here, or the op refuses its parameters.
    pub fn open(&self, op: &OpRef, input: &OpInput) -> Result<Op, WorkerError> {
        Ok(self.find(op)?.0.plugin.open(&op.id, Arc::clone(&self.host), input, &op.params)?)
    }

    /// The manifest of an op of the plan.
    ///
    /// # Errors
    /// When no plugin of that digest is here.
    pub fn manifest(&self, op: &OpRef) -> Result<&OpManifest, WorkerError> {
        let offered = self.find(op)?;
        let found = offered.0.facts.manifest.ops.iter().find(|known| known.id == op.id);
        found.ok_or_else(|| WorkerError::task(format!("plugin {} has no op {}", op.plugin, op.id)))
    }

    fn find(&self, op: &OpRef) -> Result<&Offered, WorkerError> {
        let hit = |o: &&Offered| o.digest() == op.plugin_digest && o.id() == op.plugin;
        self.offered.iter().find(hit).ok_or_else(|| WorkerError::MissingPlugin {
            plugin: op.plugin.clone(),
            digest: op.plugin_digest.clone(),
        })
    }
}

/// What the worker lends to every plugin: LAPACK and BLAS through the core.
#[derive(Default)]
struct Services {
    /// Set when the task at hand was taken back.
    revoked: Arc<AtomicBool>,
}

impl HostServices for Services {
    fn log(&self, level: i32, message: &str) {
        match level {
            1 => tracing::error!(target: "plugin", "{message}"),
            2 => tracing::warn!(target: "plugin", "{message}"),
            3 => tracing::info!(target: "plugin", "{message}"),
            _ => tracing::debug!(target: "plugin", "{message}"),
        }
    }

    fn should_stop(&self) -> bool {
        self.revoked.load(Ordering::Relaxed)
    }

    fn eigh(&self, n: usize, a: &[f64], values: &mut [f64], vectors: &mut [f64]) -> bool {
        decompose(n, a, values, vectors)
    }

    fn gemm(&self, g: Gemm<'_>) -> bool {
        multiply(g)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_ops_of_a_task_that_was_taken_back_are_told_to_stop() {
        let set = PluginSet::empty();
        let revoked = Arc::new(AtomicBool::new(false));
        let (task, other) = (set.for_task(Arc::clone(&revoked)), set.for_task(Arc::default()));
        assert!(!task.host.should_stop());
        revoked.store(true, Ordering::Relaxed);
        assert!(task.host.should_stop());
        assert!(!other.host.should_stop() && !set.host.should_stop());
    }
}
