//! One safetensors file.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use sha2::{Digest, Sha256};

use super::widen::{Format, widen};
use crate::error::EncoderError;

/// The limit of the format itself, in bytes.
const MAX_HEADER: u64 = 100_000_000;
/// Bytes of the length that precedes the header.
const LENGTH_BYTES: u64 = 8;

/// An open safetensors file whose header was found sound: the tensors fill the file without gap or overlap.
///
/// The file stays open, so a checkpoint replaced by renaming after it was opened does not change under its reader.
pub(super) struct WeightFile {
    path: PathBuf,
    file: File,
    data_start: u64,
    metadata: Metadata,
}

impl WeightFile {
    /// Opens a file and checks its header against its length.
    pub(super) fn open(path: &Path) -> Result<Self, EncoderError> {
        let read = |source| EncoderError::Read { path: path.to_owned(), source };
        let broken = |reason: String| EncoderError::Header { path: path.to_owned(), reason };
        let file = File::open(path).map_err(read)?;
        let length = file.metadata().map_err(read)?.len();
        if length < LENGTH_BYTES {
            return Err(broken(format!("{length} bytes cannot hold the header's length")));
        }
        let mut prefix = [0; LENGTH_BYTES as usize];
        file.read_exact_at(&mut prefix, 0).map_err(read)?;
        let header = u64::from_le_bytes(prefix);
        if header > MAX_HEADER {
            return Err(broken(format!(
                "it claims a header of {header} bytes, the format allows {MAX_HEADER}"
            )));
        }
        if header > length - LENGTH_BYTES {
            let rest = length - LENGTH_BYTES;
            return Err(broken(format!(
                "it claims a header of {header} bytes, but {rest} follow: the file is truncated"
            )));
        }
        let mut bytes = vec![0; header as usize];
        file.read_exact_at(&mut bytes, LENGTH_BYTES).map_err(read)?;
        let metadata: Metadata = serde_json::from_slice(&bytes).map_err(|e| broken(e.to_string()))?;
        let data = length - LENGTH_BYTES - header;
        if metadata.data_len() as u64 != data {
            let claimed = metadata.data_len();
            return Err(broken(format!("its tensors take {claimed} bytes, but {data} follow the header")));
        }
        Ok(Self { path: path.to_owned(), file, data_start: LENGTH_BYTES + header, metadata })
    }

    /// Returns where the file was found.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the names of all tensors.
    pub(super) fn names(&self) -> Vec<String> {
        self.metadata.offset_keys()
    }

    /// Returns a tensor's place and form.
    pub(super) fn info(&self, name: &str) -> Option<&TensorInfo> {
        self.metadata.info(name)
    }

    /// Adds the bytes of the whole file to a hash.
    pub(super) fn hash(&self, hash: &mut Sha256) -> Result<(), EncoderError> {
        let mut buffer = vec![0; 1 << 20];
        let mut at = 0;
        loop {
            let read = self.file.read_at(&mut buffer, at).map_err(|e| self.unreadable(e))?;
            if read == 0 {
                return Ok(());
            }
            hash.update(&buffer[..read]);
            at += read as u64;
        }
    }

    /// Reads one tensor, row by row, and widens it to f32.
    pub(super) fn read(&self, name: &str, info: &TensorInfo) -> Result<Vec<f32>, EncoderError> {
        let format = self.format(name, info)?;
        let (start, end) = info.data_offsets;
        let mut bytes = vec![0; end - start];
        self.file
            .read_exact_at(&mut bytes, self.data_start + start as u64)
            .map_err(|e| self.unreadable(e))?;
        Ok(widen(&bytes, format))
    }

    /// Returns the number format of a tensor when it can be widened to f32 exactly.
    pub(super) fn format(&self, name: &str, info: &TensorInfo) -> Result<Format, EncoderError> {
        match info.dtype {
            Dtype::F32 => Ok(Format::F32),
            Dtype::F16 => Ok(Format::F16),
            Dtype::BF16 => Ok(Format::Bf16),
            other => Err(EncoderError::TensorType {
                path: self.path.clone(),
                name: name.to_owned(),
                found: format!("{other:?}"),
            }),
        }
    }

    fn unreadable(&self, source: std::io::Error) -> EncoderError {
        EncoderError::Read { path: self.path.clone(), source }
    }
}
