//! Where encoders come from: a directory, a repository of a model hub, or objects of a store.
//!
//! [`resolve`] turns an address into a directory of this machine, fetching what is not there yet, and says which revision it found.
//! Every way to an encoder leads through it. What was fetched stays in a cache: that of a hub in the layout that other programs
//! use, so that nothing is fetched twice; that of a store by the digest of what it listed.

mod checksum;
mod client;
mod download;
mod environment;
mod error;
mod hub;
mod hub_cache;
mod place;
mod store;
mod wanted;

#[cfg(test)]
mod tests;

pub use error::SourceError;
pub use place::{DEFAULT_REVISION, Place, PlaceError};
pub use wanted::Parts;

use environment::{HubSettings, store_cache};
use std::path::{Path, PathBuf};

/// An encoder that lies on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The directory of its checkpoint.
    pub dir: PathBuf,
    /// Commit of a hub's repository, `sha256:` of what a store lists; empty for a directory.
    pub revision: String,
}

/// What is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    source: &'a str,
    base: &'a Path,
    revision: &'a str,
    parts: Parts,
}

impl<'a> Request<'a> {
    /// Asks for the encoder at an address; a relative directory begins at `base`.
    #[must_use]
    pub fn new(source: &'a str, base: &'a Path) -> Self {
        Self { source, base, revision: "", parts: Parts::Encoder }
    }

    /// Asks for the revision that was found before, whatever the address names now. An empty one asks for none.
    #[must_use]
    pub fn at(self, revision: &'a str) -> Self {
        Self { revision, ..self }
    }

    /// Asks for the given parts alone.
    #[must_use]
    pub fn parts(self, parts: Parts) -> Self {
        Self { parts, ..self }
    }

    /// Finds the encoder, fetching what is not on this machine.
    ///
    /// # Errors
    /// [`SourceError`] when the address is none, or nothing usable can be had from it.
    pub fn resolve(self) -> Result<Resolved, SourceError> {
        match Place::parse(self.source)? {
            Place::Directory(path) => Ok(Resolved { dir: self.base.join(path), revision: String::new() }),
            Place::Hub { repo, revision } => {
                let revision = if self.revision.is_empty() { revision } else { self.revision.to_owned() };
                let settings = HubSettings::from_env()?;
                wait_for(hub::resolve(&settings, &repo, &revision, self.parts))
            }
            Place::S3 { bucket, prefix } => {
                let planned = Some(self.revision).filter(|revision| !revision.is_empty());
                wait_for(store::resolve(&store_cache(), &bucket, &prefix, planned, self.parts))
            }
        }
    }
}

/// Finds the encoder that `source` names; a relative directory begins at `base`.
///
/// # Errors
/// [`SourceError`] when the address is none, or nothing usable can be had from it.
pub fn resolve(source: &str, base: &Path) -> Result<Resolved, SourceError> {
    Request::new(source, base).resolve()
}

/// Waits on the calling thread, which is that of a task and no runtime's: a task fetches one thing after the other.
fn wait_for<T>(work: impl Future<Output = Result<T, SourceError>>) -> Result<T, SourceError> {
    client::choose_cryptography();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime =
        runtime.map_err(|e| SourceError::Client { address: "a source".to_owned(), reason: e.to_string() })?;
    runtime.block_on(work)
}
