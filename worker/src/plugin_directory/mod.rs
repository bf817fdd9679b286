//! A directory of plugin files, looked at again and again: what lies there is offered, what is taken away is not.
//!
//! A file is judged once for each state in which it comes to rest. Loading runs the file's initialisers, which is what
//! putting it into the directory asks for; whoever may write there may run code as the worker.

mod file;
#[cfg(test)]
mod tests;
mod watch;

use crate::error::WorkerError;
use crate::offer::{Offer, Rejected};
use crate::plugins::PluginSet;
use file::{Seen, Stamp, Verdict};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
pub(crate) use watch::watch;

/// A plugin directory and what is known of its files.
pub struct PluginDirectory {
    path: PathBuf,
    /// What is offered besides, and goes before every file.
    base: PluginSet,
    files: BTreeMap<PathBuf, Seen>,
    /// Whether the last look failed, so that one outage is told once.
    vanished: bool,
}

/// When a file that has changed is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Patience {
    /// At once: nobody is there yet who would notice a second verdict.
    None,
    /// When the next look finds it the same: it may be half written.
    OneLook,
}

impl PluginDirectory {
    /// Takes a directory whose plugins are to be offered beside those of `base`. Loads nothing yet.
    ///
    /// # Errors
    /// When the directory cannot be listed.
    pub fn open(path: &Path, base: PluginSet) -> Result<Self, WorkerError> {
        file::list(path)
            .map_err(|source| WorkerError::PluginDirectory { path: path.display().to_string(), source })?;
        Ok(Self { path: path.to_owned(), base, files: BTreeMap::new(), vanished: false })
    }

    /// Loads every file and returns the offer. A file that is not loaded is listed with the reason. Blocks.
    pub fn load(&mut self) -> Offer {
        self.look(Patience::None)
    }

    /// Looks again and returns the offer. A file that has changed since the last look keeps its last verdict until it
    /// rests. Blocks.
    pub fn poll(&mut self) -> Offer {
        self.look(Patience::OneLook)
    }

    fn look(&mut self, patience: Patience) -> Offer {
        let found = match file::list(&self.path) {
            Ok(found) => {
                self.vanished = false;
                found
            }
            Err(error) => {
                if !std::mem::replace(&mut self.vanished, true) {
                    tracing::warn!(path = %self.path.display(), %error, "the plugin directory cannot be listed: its plugins are withdrawn");
                }
                BTreeMap::new()
            }
        };
        self.files.retain(|path, _| found.contains_key(path));
        for (path, stamp) in found {
            self.look_at(path, stamp, patience);
        }
        self.offer()
    }

    fn look_at(&mut self, path: PathBuf, stamp: Stamp, patience: Patience) {
        let fresh = !self.files.contains_key(&path);
        let seen = self.files.entry(path.clone()).or_insert_with(|| Seen::new(stamp));
        let rests = seen.stamp == stamp && !fresh;
        seen.stamp = stamp;
        let judged = seen.judged.as_ref().is_some_and(|(at, _)| *at == stamp);
        if !judged && (rests || patience == Patience::None) {
            let verdict = file::judge(&path);
            match &verdict {
                Verdict::Good(plugin) => {
                    tracing::info!(file = %path.display(), plugin = plugin.id(), digest = plugin.digest(), "a plugin was loaded");
                }
                Verdict::Bad { reason, .. } => {
                    tracing::warn!(file = %path.display(), reason, "a plugin file was refused");
                }
            }
            seen.judged = Some((stamp, verdict));
        }
    }

    /// The base, then every good file whose id is not taken, in the order of the paths.
    fn offer(&self) -> Offer {
        let mut offer = Offer::of(self.base.clone());
        for (path, seen) in &self.files {
            let rejected = |digest: &str, reason: String| Rejected {
                source: path.display().to_string(),
                digest: digest.to_owned(),
                reason,
            };
            match &seen.judged {
                None => {}
                Some((_, Verdict::Bad { digest, reason })) => {
                    offer.rejected.push(rejected(digest, reason.clone()));
                }
                Some((_, Verdict::Good(plugin))) => match offer.plugins.source_of(plugin.id()) {
                    None => offer.plugins.add(plugin.clone()),
                    Some(taken) => {
                        let reason = format!(
                            "plugin {} is {taken} already: give it another id, or remove one of the two",
                            plugin.id()
                        );
                        offer.rejected.push(rejected(plugin.digest(), reason));
                    }
                },
            }
        }
        offer
    }
}
