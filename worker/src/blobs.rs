//! Access to the content-addressed store, as tasks see it.

use crate::error::WorkerError;
use isoscope_core::state::{decode, encode};
use isoscope_core::task::BlobRef;
use serde::{Serialize, de::DeserializeOwned};

/// Bytes by digest. Called from the thread of a task.
pub trait Blobs: Send + Sync {
    /// Fetches bytes and checks their digest.
    ///
    /// # Errors
    /// When they cannot be had, or are not what the digest says.
    fn get(&self, blob: &BlobRef) -> Result<Vec<u8>, WorkerError>;

    /// Stores bytes.
    ///
    /// # Errors
    /// When they cannot be stored.
    fn put(&self, bytes: Vec<u8>) -> Result<BlobRef, WorkerError>;
}

/// Fetches and decodes a value.
///
/// # Errors
/// When it cannot be had or is of another kind.
pub fn get<T: DeserializeOwned>(
    blobs: &dyn Blobs,
    what: &'static str,
    blob: &BlobRef,
) -> Result<T, WorkerError> {
    Ok(decode(what, &blobs.get(blob)?)?)
}

/// Encodes and stores a value.
///
/// # Errors
/// When it cannot be encoded or stored.
pub fn put<T: Serialize>(blobs: &dyn Blobs, what: &'static str, value: &T) -> Result<BlobRef, WorkerError> {
    blobs.put(encode(what, value)?)
}
