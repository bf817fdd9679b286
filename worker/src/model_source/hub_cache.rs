//! The cache of a hub's repository, in the layout that the hub's own programs write and read.
//!
//! ```text
//! models--OWNER--NAME/blobs/ETAG                  bytes, by checksum
//! models--OWNER--NAME/snapshots/COMMIT/config.json → ../../blobs/ETAG
//! models--OWNER--NAME/refs/main                   the commit that `main` was last
//! .locks/models--OWNER--NAME/ETAG.lock            held while the bytes are fetched
//! ```

use super::download::{Download, make, parent};
use super::error::SourceError;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

/// The part of the cache that belongs to one repository.
#[derive(Debug, Clone)]
pub(super) struct RepoCache {
    dir: PathBuf,
    locks: PathBuf,
}

impl RepoCache {
    /// The part of the cache below `root` that belongs to `repo`. Nothing is made.
    pub(super) fn new(root: &Path, repo: &str) -> Self {
        let name = format!("models--{}", repo.replace('/', "--"));
        Self { dir: root.join(&name), locks: root.join(".locks").join(&name) }
    }

    /// The directory of a commit.
    pub(super) fn snapshot(&self, commit: &str) -> PathBuf {
        self.dir.join("snapshots").join(commit)
    }

    /// Where bytes of this name lie.
    pub(super) fn blob(&self, etag: &str) -> PathBuf {
        self.blobs().join(etag)
    }

    /// The directory of bytes.
    pub(super) fn blobs(&self) -> PathBuf {
        self.dir.join("blobs")
    }

    /// The commit that a revision was when it was last asked for; a commit is its own.
    pub(super) fn commit(&self, revision: &str) -> Result<Option<String>, SourceError> {
        let path = self.dir.join("refs").join(revision);
        match fs::read_to_string(&path) {
            Ok(commit) => Ok(Some(commit.trim().to_owned()).filter(|commit| is_commit(commit))),
            Err(e)
                if matches!(
                    e.kind(),
                    ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory
                ) =>
            {
                Ok(is_commit(revision).then(|| revision.to_owned()))
            }
            Err(e) => Err(SourceError::cache(&path)(e)),
        }
    }

    /// Notes the commit that a revision is.
    pub(super) fn note(&self, revision: &str, commit: &str) -> Result<(), SourceError> {
        if revision == commit || self.commit(revision)?.as_deref() == Some(commit) {
            return Ok(());
        }
        let path = self.dir.join("refs").join(revision);
        let mut file = Download::begin(&parent(&path), "refs")?;
        file.write(commit.as_bytes())?;
        file.finish(&path)
    }

    /// Makes a file of a commit: a relative link to its bytes, so that the cache can be moved.
    pub(super) fn link(&self, commit: &str, name: &str, blob: &Path) -> Result<(), SourceError> {
        let path = self.snapshot(commit).join(name);
        if path.is_file() {
            return Ok(());
        }
        make(&parent(&path))?;
        let up = "../".repeat(2 + name.matches('/').count());
        let etag = blob.file_name().unwrap_or_default();
        let target = PathBuf::from(format!("{up}blobs")).join(etag);
        for _ in 0..2 {
            match symlink(&target, &path) {
                Ok(()) => return Ok(()),
                Err(e) if e.kind() == ErrorKind::AlreadyExists => {
                    // Another process was first, or the link of an earlier run leads nowhere: then it is made anew.
                    if path.is_file() {
                        return Ok(());
                    }
                    fs::remove_file(&path).map_err(SourceError::cache(&path))?;
                }
                Err(e) => return Err(SourceError::cache(&path)(e)),
            }
        }
        Err(SourceError::cache(&path)(ErrorKind::AlreadyExists.into()))
    }

    /// Waits until nobody else fetches the bytes of this name. Without locks, as on some network file systems, two processes may
    /// fetch the same bytes; each writes a file of its own, and the later one takes the place of the earlier.
    pub(super) fn lock(&self, etag: &str) -> Result<Option<File>, SourceError> {
        make(&self.locks)?;
        let path = self.locks.join(format!("{etag}.lock"));
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(SourceError::cache(&path))?;
        match file.lock() {
            Ok(()) => Ok(Some(file)),
            Err(e) if e.kind() == ErrorKind::Unsupported => Ok(None),
            Err(e) => Err(SourceError::cache(&path)(e)),
        }
    }
}

/// Tells whether a revision is a commit, which never means anything else.
pub(super) fn is_commit(revision: &str) -> bool {
    revision.len() == 40 && revision.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

    fn cache(root: &Path) -> RepoCache {
        RepoCache::new(root, "owner/name")
    }

    #[test]
    fn files_lie_where_other_programs_look_for_them() {
        let root = tempfile::tempdir().unwrap();
        let cache = cache(root.path());
        fs::create_dir_all(cache.blobs()).unwrap();
        fs::write(cache.blob("e1"), "bytes").unwrap();
        for (name, target) in
            [("config.json", "../../blobs/e1"), ("1_Pooling/config.json", "../../../blobs/e1")]
        {
            cache.link(COMMIT, name, &cache.blob("e1")).unwrap();
            let path = root.path().join("models--owner--name/snapshots").join(COMMIT).join(name);
            assert_eq!(fs::read_link(&path).unwrap(), PathBuf::from(target));
            assert_eq!(fs::read_to_string(&path).unwrap(), "bytes");
        }
        cache.note("refs/pr/1", COMMIT).unwrap();
        let noted = root.path().join("models--owner--name/refs/refs/pr/1");
        assert_eq!(fs::read_to_string(noted).unwrap(), COMMIT);
        assert!(root.path().join(".locks").read_dir().is_err());
        drop(cache.lock("e1").unwrap());
        assert!(root.path().join(".locks/models--owner--name/e1.lock").is_file());
    }

    #[test]
    fn a_link_that_leads_nowhere_is_made_anew() {
        let root = tempfile::tempdir().unwrap();
        let cache = cache(root.path());
        fs::create_dir_all(cache.blobs()).unwrap();
        cache.link(COMMIT, "config.json", &cache.blob("gone")).unwrap();
        fs::write(cache.blob("e2"), "here").unwrap();
        cache.link(COMMIT, "config.json", &cache.blob("e2")).unwrap();
        assert_eq!(fs::read_to_string(cache.snapshot(COMMIT).join("config.json")).unwrap(), "here");
    }

    #[test]
    fn a_revision_is_the_commit_that_was_noted_and_a_commit_is_itself() {
        let root = tempfile::tempdir().unwrap();
        let cache = cache(root.path());
        assert_eq!(cache.commit("main").unwrap(), None);
        assert_eq!(cache.commit(COMMIT).unwrap().as_deref(), Some(COMMIT));
        cache.note("main", COMMIT).unwrap();
        assert_eq!(cache.commit("main").unwrap().as_deref(), Some(COMMIT));
        assert_eq!(cache.commit("main/other").unwrap(), None);
        cache.note(COMMIT, COMMIT).unwrap();
        assert!(!root.path().join("models--owner--name/refs").join(COMMIT).is_file());
    }
}
