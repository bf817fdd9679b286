//! Result files, put in place whole or not at all.

use anyhow::{Context as _, ensure};
use std::io::Write as _;
use std::path::{Component, Path, PathBuf};
use tempfile::TempPath;

/// Files that are written beside their places, and put there all together.
pub(crate) struct Files {
    directory: PathBuf,
    written: Vec<(PathBuf, TempPath)>,
}

impl Files {
    /// Begins with no file; `directory` is made when it is missing.
    pub(crate) fn new(directory: &Path) -> anyhow::Result<Self> {
        let files = Self { directory: directory.to_owned(), written: Vec::new() };
        std::fs::create_dir_all(directory).with_context(|| files.named())?;
        Ok(files)
    }

    /// Writes a file. Its name is a path below the directory, and leads nowhere else.
    pub(crate) fn add(&mut self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        let plain = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
        ensure!(plain && !name.is_empty(), "`{name}` is no name of a result file");
        let path = self.directory.join(name);
        let folder = path.parent().unwrap_or(&self.directory);
        let named = || self.named();
        std::fs::create_dir_all(folder).with_context(named)?;
        let mut file = tempfile::NamedTempFile::new_in(folder).with_context(named)?;
        file.write_all(bytes).with_context(named)?;
        make_readable(file.as_file()).with_context(named)?;
        file.as_file().sync_all().with_context(named)?;
        // The file is closed: there may be more of them than a process may hold open.
        let written = file.into_temp_path();
        self.written.push((path, written));
        Ok(())
    }

    /// Puts the files in their places.
    pub(crate) fn commit(self) -> anyhow::Result<()> {
        let named = self.named();
        for (path, file) in self.written {
            file.persist(&path).with_context(|| named.clone())?;
        }
        Ok(())
    }

    fn named(&self) -> String {
        format!("the results could not be written to {}", self.directory.display())
    }
}

/// Temporary files are private to their owner; results are not.
#[cfg(unix)]
pub(crate) fn make_readable(file: &std::fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
pub(crate) fn make_readable(_: &std::fs::File) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn write(directory: &Path, files: &[(&str, &[u8])]) {
        let mut written = Files::new(directory).unwrap();
        for (name, bytes) in files {
            written.add(name, bytes).unwrap();
        }
        written.commit().unwrap();
    }

    #[test]
    fn files_are_replaced_whole_and_nothing_else_is_left() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("deep/er");
        write(&target, &[("a", b"first, and long")]);
        write(&target, &[("a", b"second"), ("transforms/b", b"")]);
        assert_eq!(std::fs::read(target.join("a")).unwrap(), b"second");
        assert_eq!(std::fs::read_dir(&target).unwrap().count(), 2);
        assert_eq!(std::fs::read_dir(target.join("transforms")).unwrap().count(), 1);
    }

    #[test]
    fn files_that_are_not_committed_leave_nothing() {
        let directory = tempfile::tempdir().unwrap();
        Files::new(directory.path()).unwrap().add("a", b"half").unwrap();
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_name_that_leads_out_of_the_directory_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let mut files = Files::new(directory.path()).unwrap();
        for name in ["../a", "/etc/a", "a/../../b", ""] {
            assert!(files.add(name, b"").is_err(), "{name}");
        }
    }
}
