//! Uploads in progress: bytes received so far, in a file a blob, so that a broken upload goes on where it stopped, even after the
//! coordinator was restarted.

use isoscope_core::digest::sha256;
use isoscope_core::task::BlobRef;
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::fs;
use tokio::io::{AsyncSeekExt as _, AsyncWriteExt as _};
use tokio::sync::Mutex;

/// Most bytes of a blob; a guard against nonsense, far above the states of the widest encoder.
const MOST_BYTES: u64 = 4 << 30;
/// Age from which an upload that nobody went on with is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_hours(24);

/// An upload that cannot go on.
#[derive(Debug, thiserror::Error)]

pub(crate) enum UploadError {
    /// Bytes in between are missing.
    #[error("the upload goes on at {offset} but only {received} bytes were received")]
    Gap {
        /// Where the message begins.
        offset: u64,
        /// What is there.
        received: u64,
    },
    /// More bytes than the digest says, or than any blob has.
    #[error("the upload has more bytes than announced")]
    TooLarge,
    /// The bytes are not those of the digest.
    #[error("the uploaded bytes do not have the digest {0}")]
    Corrupt(String),
    /// The disk failed.
    #[error("the upload could not be kept: {0}")]
    Disk(#[from] io::Error),
}

/// Parts received so far.
#[derive(Debug)]
pub(crate) struct Uploads {
    directory: PathBuf,
    /// One lock a blob: two workers may send the same bytes at once.
    locks: Mutex<HashMap<String, Arc<Mutex<()>>>>,
}

impl Uploads {
    /// Keeps parts in `directory`; removes what was forgotten there.
    pub(crate) fn open(directory: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(directory)?;
        for entry in std::fs::read_dir(directory)? {
            let entry = entry?;
            let age = SystemTime::now().duration_since(entry.metadata()?.modified()?);
            if age.is_ok_and(|age| age > FORGOTTEN_AFTER) {
                std::fs::remove_file(entry.path())?;
            }
        }
        Ok(Self { directory: directory.to_owned(), locks: Mutex::default() })
    }

    /// Bytes of a blob received so far, in an upload that is not complete.
    pub(crate) async fn received(&self, blob: &BlobRef) -> Result<u64, UploadError> {
        match fs::metadata(self.path(blob)).await {
            Ok(found) => Ok(found.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes a part; returns the whole once all of it is there and its digest is right.
    pub(crate) async fn take(
        &self,
        blob: &BlobRef,
        offset: u64,
        data: &[u8],
    ) -> Result<Option<Vec<u8>>, UploadError> {
        if blob.size > MOST_BYTES || offset.saturating_add(data.len() as u64) > blob.size {
            return Err(UploadError::TooLarge);
        }
        if offset == 0 && data.len() as u64 == blob.size {
            // All of it at once needs no file to wait in; parts that an earlier try left are those of a broken upload.
            return whole(blob, data.to_vec()).map(Some);
        }
        let lock = Arc::clone(self.locks.lock().await.entry(blob.digest.clone()).or_default());
        let guard = lock.lock().await;
        let whole = self.append(blob, offset, data).await;
        drop(guard);
        if matches!(whole, Ok(Some(_)) | Err(UploadError::Corrupt(_))) {
            self.locks.lock().await.remove(&blob.digest);
        }
        whole
    }

    async fn append(&self, blob: &BlobRef, offset: u64, data: &[u8]) -> Result<Option<Vec<u8>>, UploadError> {
        let received = self.received(blob).await?;
        if offset > received {
            return Err(UploadError::Gap { offset, received });
        }
        let known = usize::try_from(received - offset).unwrap_or(usize::MAX).min(data.len());
        let path = self.path(blob);
        let mut file = fs::OpenOptions::new().create(true).write(true).truncate(false).open(&path).await?;
        file.seek(io::SeekFrom::Start(received)).await?;
        file.write_all(&data[known..]).await?;
        file.flush().await?;
        drop(file);
        if received + (data.len() - known) as u64 != blob.size {
            return Ok(None);
        }
        let bytes = fs::read(&path).await?;
        fs::remove_file(&path).await?;
        whole(blob, bytes).map(Some)
    }

    /// The digest is all hexadecimal here, so a name never leaves the directory.
    fn path(&self, blob: &BlobRef) -> PathBuf {
        self.directory.join(format!("{}.part", blob.digest.trim_start_matches("sha256:")))
    }
}

/// Checks the bytes of an upload that is complete.
fn whole(blob: &BlobRef, bytes: Vec<u8>) -> Result<Vec<u8>, UploadError> {
    if sha256(&bytes) == blob.digest { Ok(bytes) } else { Err(UploadError::Corrupt(blob.digest.clone())) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn blob(bytes: &[u8]) -> BlobRef {
        BlobRef { digest: sha256(bytes), size: bytes.len() as u64 }
    }

    #[tokio::test]
    async fn a_broken_upload_goes_on_where_it_stopped_even_after_a_restart() {
        let directory = tempfile::tempdir().unwrap();
        let uploads = Uploads::open(directory.path()).unwrap();
        let whole = b"0123456789";
        assert_eq!(uploads.take(&blob(whole), 0, &whole[..4]).await.unwrap(), None);
        let uploads = Uploads::open(directory.path()).unwrap();
        assert_eq!(uploads.received(&blob(whole)).await.unwrap(), 4);
        let gap = uploads.take(&blob(whole), 6, &whole[6..]).await.unwrap_err();
        assert!(matches!(gap, UploadError::Gap { offset: 6, received: 4 }));
        assert_eq!(uploads.take(&blob(whole), 2, &whole[2..]).await.unwrap().unwrap(), whole);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[tokio::test]
    async fn other_bytes_than_promised_are_refused_and_forgotten() {
        let directory = tempfile::tempdir().unwrap();
        let uploads = Uploads::open(directory.path()).unwrap();
        let promised = blob(b"right");
        assert!(matches!(uploads.take(&promised, 0, b"wrong").await, Err(UploadError::Corrupt(_))));
        assert!(matches!(uploads.take(&promised, 0, b"far too long").await, Err(UploadError::TooLarge)));
        assert_eq!(uploads.take(&promised, 0, b"right").await.unwrap().unwrap(), b"right");
    }

    #[tokio::test]
    async fn an_empty_blob_is_whole_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let uploads = Uploads::open(directory.path()).unwrap();
        assert_eq!(uploads.take(&blob(b""), 0, b"").await.unwrap().unwrap(), b"");
    }
}
