//! A file in the making: it gets its name when all of it is on the disk, and leaves nothing behind when it does not come to that.

use super::checksum::Kind;
use super::error::SourceError;
use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use tempfile::{NamedTempFile, TempDir};

/// Bytes between two lines of the log about one file.
const REPORTED: u64 = 256 << 20;

/// A file that is being written.
pub(super) struct Download {
    file: NamedTempFile,
    name: String,
    written: u64,
}

impl Download {
    /// Begins a file in a directory, which is made when it is missing; `name` is for the log.
    pub(super) fn begin(directory: &Path, name: &str) -> Result<Self, SourceError> {
        make(directory)?;
        // As other files of a cache that several users may share: the process's mask says who may read it.
        let file = tempfile::Builder::new()
            .prefix("download-")
            .suffix(".incomplete")
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(directory);
        Ok(Self { file: file.map_err(SourceError::cache(directory))?, name: name.to_owned(), written: 0 })
    }

    /// Adds bytes.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), SourceError> {
        self.file.write_all(bytes).map_err(SourceError::cache(self.file.path()))?;
        let before = self.written / REPORTED;
        self.written += bytes.len() as u64;
        if self.written / REPORTED > before {
            tracing::info!(file = self.name, bytes = self.written, "fetching");
        }
        Ok(())
    }

    /// Bytes so far.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// Computes a checksum over what is on the disk.
    pub(super) fn checksum(&self, kind: Kind) -> Result<String, SourceError> {
        kind.compute(self.file.path()).map_err(SourceError::cache(self.file.path()))
    }

    /// Gives the file its name, in place of what had it before.
    pub(super) fn finish(self, path: &Path) -> Result<(), SourceError> {
        self.file.as_file().sync_all().map_err(SourceError::cache(self.file.path()))?;
        self.file.persist(path).map_err(|e| SourceError::cache(path)(e.error))?;
        tracing::info!(file = self.name, bytes = self.written, "fetched");
        Ok(())
    }
}

/// A directory that appears when everything is in it.
pub(super) struct Folder {
    place: TempDir,
}

impl Folder {
    /// Begins a directory beside those that it will join.
    pub(super) fn begin(beside: &Path) -> Result<Self, SourceError> {
        make(beside)?;
        let place = tempfile::Builder::new()
            .prefix("download-")
            .suffix(".incomplete")
            .permissions(Permissions::from_mode(0o777))
            .tempdir_in(beside);
        Ok(Self { place: place.map_err(SourceError::cache(beside))? })
    }

    /// Where it lies while it is in the making.
    pub(super) fn path(&self) -> &Path {
        self.place.path()
    }

    /// Gives the directory its name. Another process may have been first, with the same files; then this one's go.
    pub(super) fn finish(self, path: &Path) -> Result<(), SourceError> {
        match fs::rename(self.place.path(), path) {
            Ok(()) => {
                // What was renamed must not be looked for and removed under its old name.
                let _ = self.place.keep();
                Ok(())
            }
            Err(_) if path.is_dir() => Ok(()),
            Err(e) => Err(SourceError::cache(path)(e)),
        }
    }
}

/// Makes a directory with those above it.
pub(super) fn make(directory: &Path) -> Result<(), SourceError> {
    fs::create_dir_all(directory).map_err(SourceError::cache(directory))
}

/// The directory of a file.
pub(super) fn parent(path: &Path) -> PathBuf {
    path.parent().map(Path::to_owned).unwrap_or_default()
}
