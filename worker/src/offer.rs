//! What a worker offers at a moment: its plugins, and the files that it refused.

use crate::plugins::PluginSet;

/// The plugins of a worker. A task keeps the offer that was in force when it began.
#[derive(Clone)]
pub struct Offer {
    /// What tasks run with.
    pub plugins: PluginSet,
    /// Files of the plugin directory that are not among them, in the order of their paths.
    pub rejected: Vec<Rejected>,
}

/// A file of the plugin directory that is not offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejected {
    /// The file.
    pub source: String,
    /// `sha256:` of its bytes; empty when they cannot be read.
    pub digest: String,
    /// Why, and what to do.
    pub reason: String,
}

impl Offer {
    /// An offer of these plugins, with nothing refused.
    #[must_use]
    pub fn of(plugins: PluginSet) -> Self {
        Self { plugins, rejected: Vec::new() }
    }

    /// Tells whether both offer the same plugins from the same places, and refuse the same files for the same reasons.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.plugins.sources().eq(other.plugins.sources()) && self.rejected == other.rejected
    }
}
