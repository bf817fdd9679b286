//! Checksums that name a file: a hub calls a large file by its SHA-256, and a small one as git does.

use sha1::{Digest as _, Sha1};
use sha2::{Digest as _, Sha256};
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

/// A kind of checksum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// SHA-256 of the bytes.
    Sha256,
    /// SHA-1 of git's object of the bytes.
    GitBlob,
}

impl Kind {
    /// The kind that a name is of; `None` when it is none, and says nothing of the bytes.
    pub(super) fn of(name: &str) -> Option<Self> {
        let hex = name.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
        match name.len() {
            64 if hex => Some(Self::Sha256),
            40 if hex => Some(Self::GitBlob),
            _ => None,
        }
    }

    /// Its name, for messages.
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Sha256 => "SHA-256",
            Self::GitBlob => "git checksum",
        }
    }

    /// Computes it over a file as it lies on the disk, in lower-case hexadecimal digits.
    pub(super) fn compute(self, path: &Path) -> io::Result<String> {
        let file = File::open(path)?;
        let length = file.metadata()?.len();
        let mut bytes = BufReader::with_capacity(1 << 20, file);
        match self {
            Self::Sha256 => {
                let mut hash = Sha256::new();
                feed(&mut bytes, |part| hash.update(part))?;
                Ok(hex::encode(hash.finalize()))
            }
            Self::GitBlob => {
                let mut hash = Sha1::new();
                hash.update(format!("blob {length}\0"));
                feed(&mut bytes, |part| hash.update(part))?;
                Ok(hex::encode(hash.finalize()))
            }
        }
    }
}

fn feed(from: &mut impl Read, mut take: impl FnMut(&[u8])) -> io::Result<()> {
    let mut part = vec![0; 1 << 20];
    loop {
        match from.read(&mut part)? {
            0 => return Ok(()),
            n => take(&part[..n]),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn checksums_are_those_that_other_programs_print() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "hello\n").unwrap();
        // `sha256sum` and `git hash-object` of the same bytes.
        let sha256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
        assert_eq!(Kind::Sha256.compute(file.path()).unwrap(), sha256);
        assert_eq!(Kind::GitBlob.compute(file.path()).unwrap(), "ce013625030ba8dba906f756967f9e9ca394464a");
    }

    #[test]
    fn a_name_says_its_kind_by_its_length_and_digits() {
        assert_eq!(Kind::of(&"a".repeat(64)), Some(Kind::Sha256));
        assert_eq!(Kind::of(&"0".repeat(40)), Some(Kind::GitBlob));
        for none in ["", "v1", &"g".repeat(40), &"A".repeat(64)] {
            assert_eq!(Kind::of(none), None);
        }
    }
}
