//! Reading a checkpoint's files, with errors that name them.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use crate::error::EncoderError;

/// Largest JSON file read whole: tokenizers with a million entries stay below a tenth of it.
const MAX_JSON_BYTES: u64 = 1 << 30;

/// Reads a file whole; an absent one is reported with the `role` it would have had.
pub(crate) fn read(path: &Path, role: &'static str) -> Result<Vec<u8>, EncoderError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            return Err(EncoderError::MissingFile { path: path.to_owned(), role });
        }
        Err(source) => return Err(EncoderError::Read { path: path.to_owned(), source }),
    };
    let mut bytes = Vec::new();
    file.take(MAX_JSON_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| EncoderError::Read { path: path.to_owned(), source })?;
    if bytes.len() as u64 > MAX_JSON_BYTES {
        let reason = format!("the file is larger than {MAX_JSON_BYTES} bytes");
        return Err(EncoderError::Json { path: path.to_owned(), reason });
    }
    Ok(bytes)
}

/// Parses JSON; errors give the line and column, or the missing field.
pub(crate) fn parse<T: DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<T, EncoderError> {
    serde_json::from_slice(bytes)
        .map_err(|e| EncoderError::Json { path: path.to_owned(), reason: e.to_string() })
}

/// Writes a finished hash the way every digest of the project is written.
pub(crate) fn digest(hash: Sha256) -> String {
    format!("sha256:{}", hex::encode(hash.finalize()))
}
