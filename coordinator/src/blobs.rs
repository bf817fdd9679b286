//! The content-addressed store: bytes under their SHA-256, on any object store.

use isoscope_core::digest::sha256;
use isoscope_core::task::BlobRef;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{ObjectStore, ObjectStoreExt as _, PutMode, PutOptions};
use std::path::Path;
use std::sync::Arc;

/// Blobs could not be stored or fetched.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BlobError {
    /// The object store failed.
    #[error("the blob store failed: {0}")]
    Store(#[from] object_store::Error),
    /// The directory of a local store could not be made.
    #[error("the blob directory {path} could not be made: {source}")]
    Directory {
        /// The directory.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// There is no such blob.
    #[error("there is no blob {0}")]
    Missing(String),
    /// The bytes are not those of the digest.
    #[error("the blob {0} is corrupt: its bytes have another digest")]
    Corrupt(String),
}

/// The store of blobs.
#[derive(Debug, Clone)]
pub struct Blobs {
    store: Arc<dyn ObjectStore>,
}

impl Blobs {
    /// Keeps blobs in a local directory. When they are to be `durable`, every write is on disk before it counts.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub fn local(directory: &Path, durable: bool) -> Result<Self, BlobError> {
        std::fs::create_dir_all(directory)
            .map_err(|source| BlobError::Directory { path: directory.display().to_string(), source })?;
        Ok(Self { store: Arc::new(LocalFileSystem::new_with_prefix(directory)?.with_fsync(durable)) })
    }

    /// Stores bytes; storing them again changes nothing.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn put(&self, bytes: Vec<u8>) -> Result<BlobRef, BlobError> {
        let blob = BlobRef { digest: sha256(&bytes), size: bytes.len() as u64 };
        self.put_as(&blob, bytes).await?;
        Ok(blob)
    }

    /// Stores the bytes of a blob whose digest has been checked.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn put_as(&self, blob: &BlobRef, bytes: Vec<u8>) -> Result<(), BlobError> {
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        match self.store.put_opts(&key(&blob.digest), bytes.into(), options).await {
            Ok(_) | Err(object_store::Error::AlreadyExists { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Fetches bytes and checks them.
    ///
    /// # Errors
    /// When they are not there, or are corrupt.
    pub async fn get(&self, digest: &str) -> Result<Vec<u8>, BlobError> {
        let found = match self.store.get(&key(digest)).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Err(BlobError::Missing(digest.to_owned())),
            Err(error) => return Err(error.into()),
        };
        let bytes: Vec<u8> = found.bytes().await?.into();
        if sha256(&bytes) == digest { Ok(bytes) } else { Err(BlobError::Corrupt(digest.to_owned())) }
    }

    /// Deletes bytes; deleting what is not there changes nothing.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn delete(&self, digest: &str) -> Result<(), BlobError> {
        match self.store.delete(&key(digest)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Tells whether bytes are there.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn has(&self, digest: &str) -> Result<bool, BlobError> {
        match self.store.head(&key(digest)).await {
            Ok(_) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// `cas/sha256/ab/abcd…`: names never come from users.
fn key(digest: &str) -> Key {
    let hex = digest.strip_prefix("sha256:").unwrap_or(digest);
    Key::from(format!("cas/sha256/{}/{hex}", hex.get(..2).unwrap_or("00")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn a_flipped_byte_is_detected() {
        let directory = tempfile::tempdir().unwrap();
        let blobs = Blobs::local(directory.path(), true).unwrap();
        let blob = blobs.put(b"state".to_vec()).await.unwrap();
        assert_eq!(blobs.get(&blob.digest).await.unwrap(), b"state");
        let hex = blob.digest.strip_prefix("sha256:").unwrap();
        let path = directory.path().join("cas/sha256").join(&hex[..2]).join(hex);
        std::fs::write(path, b"stare").unwrap();
        assert!(matches!(blobs.get(&blob.digest).await, Err(BlobError::Corrupt(_))));
    }

    #[tokio::test]
    async fn bytes_are_stored_once() {
        let directory = tempfile::tempdir().unwrap();
        let blobs = Blobs::local(directory.path(), true).unwrap();
        let first = blobs.put(vec![1, 2, 3]).await.unwrap();
        assert_eq!(blobs.put(vec![1, 2, 3]).await.unwrap(), first);
        assert!(blobs.has(&first.digest).await.unwrap());
        assert!(matches!(blobs.get(&sha256(b"other")).await, Err(BlobError::Missing(_))));
    }
}
