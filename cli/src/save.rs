//! Result files, put in place whole or not at all.

use anyhow::Context as _;
use std::io::Write as _;
use std::path::Path;

/// Writes files into `directory`, which is made when it is missing. Each is written beside its place and then renamed, after
/// all of them have been written.
pub(crate) fn files(directory: &Path, files: &[(&str, Vec<u8>)]) -> anyhow::Result<()> {
    let named = || format!("the results could not be written to {}", directory.display());
    std::fs::create_dir_all(directory).with_context(named)?;
    let mut written = Vec::new();
    for (name, bytes) in files {
        let mut file = tempfile::NamedTempFile::new_in(directory).with_context(named)?;
        file.write_all(bytes).with_context(named)?;
        file.as_file().sync_all().with_context(named)?;
        written.push((*name, file));
    }
    for (name, file) in written {
        let path = directory.join(name);
        let kept = file.persist(&path).with_context(named)?;
        make_readable(&kept).with_context(named)?;
    }
    Ok(())
}

/// Temporary files are private to their owner; results are not.
#[cfg(unix)]
fn make_readable(file: &std::fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn make_readable(_: &std::fs::File) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn files_are_replaced_whole_and_nothing_else_is_left() {
        let directory = tempfile::tempdir().unwrap();
        let target = directory.path().join("deep/er");
        files(&target, &[("a", b"first, and long".to_vec())]).unwrap();
        files(&target, &[("a", b"second".to_vec()), ("b", Vec::new())]).unwrap();
        assert_eq!(std::fs::read(target.join("a")).unwrap(), b"second");
        assert_eq!(std::fs::read_dir(&target).unwrap().count(), 2);
    }
}
