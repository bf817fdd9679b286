//! Files that hold a token: a secret that clients and workers show to a coordinator.

use crate::failure::Failure;
use std::path::Path;

/// Fewest characters of a token; a shorter one could be guessed.
const SHORTEST: usize = 16;

/// Why a token file cannot be used, for the setting or flag that named it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct TokenError(String);

impl TokenError {
    /// Names the setting or flag.
    pub(crate) fn at(self, key: &str) -> Failure {
        Failure::field(key, self.0)
    }
}

/// Reads the token of a file, without the white space around it.
///
/// # Errors
/// When the file cannot be read, is open to everybody, or holds no token.
pub(crate) fn read(path: &Path) -> Result<String, TokenError> {
    let named = |reason: String| TokenError(format!("{}: {reason}", path.display()));
    let metadata = std::fs::metadata(path).map_err(|e| named(e.to_string()))?;
    if let Some(mode) = open_to_others(&metadata) {
        let reason = format!("others may read or change this file (mode {mode:03o}); run chmod 600 on it");
        return Err(named(reason));
    }
    let text = std::fs::read_to_string(path).map_err(|e| named(e.to_string()))?;
    let token = text.trim();
    if token.chars().count() < SHORTEST {
        let reason =
            format!("the token must have at least {SHORTEST} characters, e.g. from openssl rand -hex 32");
        return Err(named(reason));
    }
    if !token.chars().all(|c| c.is_ascii_graphic()) {
        return Err(named("the token may hold printable ASCII characters only, and no space".to_owned()));
    }
    Ok(token.to_owned())
}

/// The permissions, when everybody has one or the group may write. A group may read: that is how Kubernetes hands a secret to a
/// program that is not root.
#[cfg(unix)]
fn open_to_others(metadata: &std::fs::Metadata) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = metadata.permissions().mode() & 0o777;
    (mode & 0o027 != 0).then_some(mode)
}

#[cfg(not(unix))]
fn open_to_others(_: &std::fs::Metadata) -> Option<u32> {
    None
}

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn reading(text: &str, mode: u32) -> Result<String, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        read(&path).map_err(|e| e.to_string())
    }

    #[test]
    fn a_token_is_read_without_the_white_space_around_it() {
        for mode in [0o600, 0o400, 0o440] {
            assert_eq!(reading("  0123456789abcdef\n", mode).unwrap(), "0123456789abcdef");
        }
    }

    #[test]
    fn a_file_that_others_may_read_is_refused_with_what_to_do() {
        for mode in [0o644, 0o604, 0o660] {
            assert!(reading("0123456789abcdef", mode).unwrap_err().contains("chmod 600"));
        }
    }

    #[test]
    fn what_is_no_token_is_refused() {
        assert!(reading("", 0o600).unwrap_err().contains("at least 16"));
        assert!(reading("0123456789abcde\n", 0o600).unwrap_err().contains("at least 16"));
        assert!(reading("0123456789 abcdef", 0o600).unwrap_err().contains("ASCII"));
        assert!(read(Path::new("no/such/file")).unwrap_err().to_string().contains("no/such/file"));
    }
}
