//! Where the program keeps its state when the settings name no directory.

use super::{CoordinatorSettings, WorkerSettings, named};
use std::path::PathBuf;

impl WorkerSettings {
    /// Directory for the state of runs.
    pub(crate) fn resolved_state_directory(&self) -> PathBuf {
        let usual = || users("XDG_CACHE_HOME", ".cache").join("isoscope").join("runs");
        named(&self.state_directory).cloned().unwrap_or_else(usual)
    }
}

impl CoordinatorSettings {
    /// Directory of the database and the blobs.
    pub(crate) fn resolved_state_directory(&self) -> PathBuf {
        let usual = || users("XDG_STATE_HOME", ".local/state").join("isoscope").join("coordinator");
        named(&self.state_directory).cloned().unwrap_or_else(usual)
    }
}

/// A directory of the user as the XDG base directories name it: `variable`, or `below` the home directory.
fn users(variable: &str, below: &str) -> PathBuf {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set(variable).or_else(|| set("HOME").map(|home| home.join(below))).unwrap_or_else(|| PathBuf::from(below))
}
