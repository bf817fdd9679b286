//! Uploads in progress: bytes received so far by digest, so that a broken upload goes on where it stopped.

use isoscope_core::digest::sha256;
use isoscope_core::task::BlobRef;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Most bytes of a blob; a guard against nonsense, far above the states of the widest encoder.
const MOST_BYTES: u64 = 4 << 30;

/// An upload that cannot go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
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
}

/// Parts received so far. They live in memory: what a restart loses is sent again from the start.
#[derive(Debug, Default)]
pub(crate) struct Uploads(Mutex<HashMap<String, Vec<u8>>>);

impl Uploads {
    /// Bytes of a blob received so far, in an upload that is not complete.
    pub(crate) fn received(&self, digest: &str) -> u64 {
        let uploads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        uploads.get(digest).map_or(0, |parts| parts.len() as u64)
    }

    /// Takes a part; returns the whole once all of it is there and its digest is right.
    pub(crate) fn take(
        &self,
        blob: &BlobRef,
        offset: u64,
        data: &[u8],
    ) -> Result<Option<Vec<u8>>, UploadError> {
        let mut uploads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let parts = uploads.entry(blob.digest.clone()).or_default();
        let received = parts.len() as u64;
        if blob.size > MOST_BYTES || offset + data.len() as u64 > blob.size {
            return Err(UploadError::TooLarge);
        }
        if offset > received {
            return Err(UploadError::Gap { offset, received });
        }
        let known = usize::try_from(received - offset).unwrap_or(usize::MAX).min(data.len());
        parts.extend_from_slice(&data[known..]);
        if parts.len() as u64 != blob.size {
            return Ok(None);
        }
        let whole = uploads.remove(&blob.digest).unwrap_or_default();
        if sha256(&whole) == blob.digest {
            Ok(Some(whole))
        } else {
            Err(UploadError::Corrupt(blob.digest.clone()))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn blob(bytes: &[u8]) -> BlobRef {
        BlobRef { digest: sha256(bytes), size: bytes.len() as u64 }
    }

    #[test]
    fn a_broken_upload_goes_on_where_it_stopped() {
        let uploads = Uploads::default();
        let whole = b"0123456789";
        assert_eq!(uploads.take(&blob(whole), 0, &whole[..4]).unwrap(), None);
        assert_eq!(
            uploads.take(&blob(whole), 6, &whole[6..]),
            Err(UploadError::Gap { offset: 6, received: 4 })
        );
        assert_eq!(uploads.take(&blob(whole), 2, &whole[2..]).unwrap().unwrap(), whole);
    }

    #[test]
    fn other_bytes_than_promised_are_refused_and_forgotten() {
        let uploads = Uploads::default();
        let promised = blob(b"right");
        assert_eq!(uploads.take(&promised, 0, b"wrong"), Err(UploadError::Corrupt(promised.digest.clone())));
        assert_eq!(uploads.take(&promised, 0, b"far too long"), Err(UploadError::TooLarge));
        assert_eq!(uploads.take(&promised, 0, b"right").unwrap().unwrap(), b"right");
    }
}
