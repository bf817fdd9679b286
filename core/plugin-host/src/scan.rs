//! Lists the plugins of a folder, and why a file is none.

use std::path::{Path, PathBuf};
use std::{fs, io};

use sha2::{Digest, Sha256};

use crate::LoadError;
use crate::dynamic::refuse_static_tls;
use crate::elf::{manifest_in, read_file};
use crate::manifest::Manifest;

/// A file of a plugin folder.
#[derive(Debug)]
pub struct Candidate {
    /// The file.
    pub path: PathBuf,
    /// `sha256:…` of the file; `None` when it cannot be read.
    pub digest: Option<String>,
    /// The manifest, or why the file is refused.
    pub manifest: Result<String, LoadError>,
}

/// Reads every `*.so` of a folder, in the order of the names; no code of theirs runs. A file that is refused is listed
/// with the reason, a wrong version of the ABI included.
///
/// # Errors
/// The folder cannot be listed.
pub fn scan(dir: &Path) -> io::Result<Vec<Candidate>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "so") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths.into_iter().map(candidate).collect())
}

fn candidate(path: PathBuf) -> Candidate {
    match read_file(&path) {
        Err(error) => Candidate { path, digest: None, manifest: Err(error) },
        Ok(bytes) => Candidate { digest: Some(digest_of(&bytes)), manifest: checked(&bytes, &path), path },
    }
}

fn checked(bytes: &[u8], path: &Path) -> Result<String, LoadError> {
    let text = manifest_in(bytes, path)?;
    Manifest::parse(&text, &path.display().to_string())?;
    refuse_static_tls(bytes, path)?;
    Ok(text)
}

/// Names bytes by their content.
pub(crate) fn digest_of(bytes: &[u8]) -> String {
    format!("sha256:{}", hex::encode(Sha256::digest(bytes)))
}
