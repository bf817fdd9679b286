//! `Digest` and [`BlobRef`].

use super::ConvertError;
use crate::v1::Digest;
use isoscope_core::task::BlobRef;
use std::fmt::Write as _;

const PREFIX: &str = "sha256:";
const BYTES: usize = 32;

impl TryFrom<&BlobRef> for Digest {
    type Error = ConvertError;

    fn try_from(blob: &BlobRef) -> Result<Self, ConvertError> {
        let wrong = || {
            ConvertError::new("sha256", format!("`{}` is not sha256: and 64 hexadecimal digits", blob.digest))
        };
        let digits = blob
            .digest
            .strip_prefix(PREFIX)
            .filter(|d| d.len() == 2 * BYTES && d.is_ascii())
            .ok_or_else(wrong)?;
        let byte = |i: usize| u8::from_str_radix(&digits[2 * i..2 * i + 2], 16).map_err(|_| wrong());
        let sha256 = (0..BYTES).map(byte).collect::<Result<Vec<u8>, _>>()?;
        let size_bytes =
            i64::try_from(blob.size).map_err(|_| ConvertError::new("size_bytes", "is too large"))?;
        Ok(Self { sha256, size_bytes })
    }
}

impl TryFrom<&Digest> for BlobRef {
    type Error = ConvertError;

    fn try_from(digest: &Digest) -> Result<Self, ConvertError> {
        if digest.sha256.len() != BYTES {
            let reason = format!("has {} bytes; a SHA-256 digest has 32", digest.sha256.len());
            return Err(ConvertError::new("sha256", reason));
        }
        let size = u64::try_from(digest.size_bytes)
            .map_err(|_| ConvertError::new("size_bytes", "must not be negative"))?;
        let mut text = String::with_capacity(PREFIX.len() + 2 * BYTES);
        text.push_str(PREFIX);
        for byte in &digest.sha256 {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        Ok(Self { digest: text, size })
    }
}

/// Converts a required digest of the field `field`.
pub(super) fn blob(field: &str, digest: Option<&Digest>) -> Result<BlobRef, ConvertError> {
    let digest = digest.ok_or_else(|| ConvertError::new(field, "must be set"))?;
    BlobRef::try_from(digest).map_err(|e| e.within(field))
}

/// Converts a list of digests.
///
/// # Errors
/// The first that is malformed, with its place in `field`.
pub fn blobs(field: &str, digests: &[Digest]) -> Result<Vec<BlobRef>, ConvertError> {
    let at = |(i, d)| BlobRef::try_from(d).map_err(|e: ConvertError| e.within(&format!("{field}[{i}]")));
    digests.iter().enumerate().map(at).collect()
}

/// Converts a list of blob references.
///
/// # Errors
/// The first that is malformed, with its place in `field`.
pub fn digests(field: &str, blobs: &[BlobRef]) -> Result<Vec<Digest>, ConvertError> {
    let at = |(i, b)| Digest::try_from(b).map_err(|e: ConvertError| e.within(&format!("{field}[{i}]")));
    blobs.iter().enumerate().map(at).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use isoscope_core::digest::sha256;

    #[test]
    fn a_digest_survives_the_wire() {
        let blob = BlobRef { digest: sha256(b"state"), size: 5 };
        let wire = Digest::try_from(&blob).unwrap();
        assert_eq!(wire.sha256.len(), 32);
        assert_eq!(BlobRef::try_from(&wire).unwrap(), blob);
    }

    #[test]
    fn malformed_digests_are_refused_by_field() {
        for text in ["", "sha256:", "sha256:zz", "md5:00", &format!("sha256:{}", "é".repeat(32))] {
            let error = Digest::try_from(&BlobRef { digest: text.to_owned(), size: 0 }).unwrap_err();
            assert_eq!(error.field, "sha256");
        }
        let short = Digest { sha256: vec![0; 31], size_bytes: 0 };
        assert_eq!(blobs("layers", &[short]).unwrap_err().field, "layers[0].sha256");
        let negative = Digest { sha256: vec![0; 32], size_bytes: -1 };
        assert_eq!(BlobRef::try_from(&negative).unwrap_err().field, "size_bytes");
    }
}
