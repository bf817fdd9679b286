//! The directory for the state of this process, which goes when the process ends.

use crate::failure::Failure;
use crate::settings::WorkerSettings;
use std::cell::OnceCell;
use std::path::Path;
use tempfile::TempDir;

/// A directory that is made when it is first needed. It outlives the runtime, whose last threads may still write to it.
#[derive(Debug, Default)]
pub(crate) struct Scratch(OnceCell<TempDir>);

impl Scratch {
    /// Makes the directory, or finds it again.
    ///
    /// # Errors
    /// When it cannot be made where the settings say.
    pub(crate) fn directory(&self, settings: &WorkerSettings, prefix: &str) -> Result<&Path, Failure> {
        if let Some(made) = self.0.get() {
            return Ok(made.path());
        }
        let parent = settings.resolved_state_directory();
        let made = std::fs::create_dir_all(&parent)
            .and_then(|()| tempfile::Builder::new().prefix(prefix).tempdir_in(&parent))
            .map_err(|e| Failure::field("worker.state_directory", format!("{}: {e}", parent.display())))?;
        Ok(self.0.get_or_init(|| made).path())
    }

    /// Removes it.
    pub(crate) fn remove(self) {
        let Some(directory) = self.0.into_inner() else { return };
        let path = directory.path().display().to_string();
        if let Err(error) = directory.close() {
            tracing::warn!(%path, %error, "the state of this process could not be removed");
        }
    }
}
