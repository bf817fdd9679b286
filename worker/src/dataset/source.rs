//! The file behind a dataset.

use super::DatasetError;
use isoscope_core::facts::Place;
use isoscope_core::study::{DatasetSpec, Format};
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

const BYTE_ORDER_MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];
const GZIP: [u8; 2] = [0x1F, 0x8B];

/// An open file and what is known of it without reading it.
pub(super) struct Source {
    /// Path as resolved.
    pub(super) path: PathBuf,
    /// The file, positioned at its first byte.
    pub(super) file: File,
    /// Its length in bytes.
    pub(super) len: u64,
    /// Where its text begins: behind the byte order mark, if there is one.
    pub(super) start: Place,
}

impl Source {
    /// Opens a file that a dataset names; a relative one is looked up in `base`.
    pub(super) fn open(file: &str, base: &Path) -> Result<Self, DatasetError> {
        Self::open_path(base.join(file))
    }

    /// Opens a file, and refuses a compressed one.
    pub(super) fn open_path(path: PathBuf) -> Result<Self, DatasetError> {
        let mut file =
            File::open(&path).map_err(|source| DatasetError::Open { path: path.clone(), source })?;
        let (len, head) =
            probe(&mut file).map_err(|source| DatasetError::Read { path: path.clone(), source })?;
        let named_gz = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("gz"));
        if named_gz || head.starts_with(&GZIP) {
            return Err(DatasetError::Compressed { path });
        }
        let byte = if head == BYTE_ORDER_MARK { BYTE_ORDER_MARK.len() as u64 } else { 0 };
        Ok(Self { path, file, len, start: Place { byte, line: 1 } })
    }

    /// Moves to a byte of the file.
    pub(super) fn seek(&self, byte: u64) -> Result<(), DatasetError> {
        (&self.file).seek(SeekFrom::Start(byte)).map(|_| ()).map_err(|source| self.unreadable(source))
    }

    /// Wraps what the system said when reading failed.
    pub(super) fn unreadable(&self, source: io::Error) -> DatasetError {
        DatasetError::Read { path: self.path.clone(), source }
    }
}

/// Reads the length of a file and at most its first three bytes, and goes back to its start.
fn probe(file: &mut File) -> io::Result<(u64, Vec<u8>)> {
    let len = file.metadata()?.len();
    let mut head = Vec::new();
    file.by_ref().take(BYTE_ORDER_MARK.len() as u64).read_to_end(&mut head)?;
    file.rewind()?;
    Ok((len, head))
}

/// Returns the format that the study gives, or that the name of the file says.
pub(super) fn format(spec: &DatasetSpec, path: &Path) -> Result<Format, DatasetError> {
    spec.resolved_format().ok_or_else(|| DatasetError::UnknownFormat { path: path.to_path_buf() })
}

/// Digests everything that is read through it.
pub(super) struct Digesting<R> {
    inner: R,
    hash: Sha256,
}

impl<R: Read> Digesting<R> {
    /// Begins an empty digest over `inner`.
    pub(super) fn new(inner: R) -> Self {
        Self { inner, hash: Sha256::new() }
    }

    /// Digests the next `n` bytes, at most those that there are.
    pub(super) fn skip(&mut self, n: u64) -> io::Result<()> {
        io::copy(&mut self.by_ref().take(n), &mut io::sink()).map(|_| ())
    }

    /// Reads what is left and returns the digest of all bytes, written `sha256:` and 64 hexadecimal digits.
    pub(super) fn finish(mut self) -> io::Result<String> {
        io::copy(&mut self, &mut io::sink())?;
        Ok(format!("sha256:{}", hex::encode(self.hash.finalize())))
    }
}

impl<R: Read> Read for Digesting<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.hash.update(&buffer[..n]);
        Ok(n)
    }
}
