//! Content digests, written `sha256:` and 64 hexadecimal digits.

use sha2::{Digest as _, Sha256};

/// Computes the digest of `bytes`.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}
