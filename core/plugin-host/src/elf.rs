//! Reads the manifest of a file as data: nothing of the file runs.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use isoscope_plugin_abi::ISO_MANIFEST_SECTION;
use object::{Object, ObjectSection};
use serde_json::Value;

use crate::LoadError;

/// Most bytes of a plugin's file.
const MAX_FILE: u64 = 1 << 30;
/// Most bytes of a manifest.
const MAX_MANIFEST: usize = 4 << 20;

/// Reads the manifest of an ELF shared object without loading it.
///
/// # Errors
/// A [`LoadError`] that names the file: unreadable, not ELF, without the section, with two manifests in it, or too large.
/// The text is JSON, but its contents are not checked.
pub fn read_manifest(path: &Path) -> Result<String, LoadError> {
    manifest_in(&read_file(path)?, path)
}

/// Reads a whole file within the bounds.
pub(crate) fn read_file(path: &Path) -> Result<Vec<u8>, LoadError> {
    let failed = |source| LoadError::Io { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes)).map_err(failed)?;
    let size = bytes.len() as u64;
    if size > MAX_FILE {
        return Err(LoadError::TooLarge { path: path.to_owned(), bytes: size, limit: MAX_FILE });
    }
    Ok(bytes)
}

/// Finds the one manifest in the bytes of a file.
pub(crate) fn manifest_in(bytes: &[u8], path: &Path) -> Result<String, LoadError> {
    let path_buf = || path.to_owned();
    let file = object::File::parse(bytes)
        .map_err(|error| LoadError::NotElf { path: path_buf(), reason: error.to_string() })?;
    let bad = |reason: String| LoadError::BadManifest { origin: path.display().to_string(), reason };
    let mut sections = file.sections().filter(|section| section.name() == Ok(ISO_MANIFEST_SECTION));
    let section = sections.next().ok_or_else(|| LoadError::NotAPlugin { path: path_buf() })?;
    if sections.next().is_some() {
        return Err(LoadError::TwoManifests { path: path_buf() });
    }
    let data = section.data().map_err(|error| bad(error.to_string()))?;
    if data.len() > MAX_MANIFEST {
        return Err(bad(format!("it has {} bytes, at most {MAX_MANIFEST} are read", data.len())));
    }
    let data = trim(data);
    let mut values = serde_json::Deserializer::from_slice(data).into_iter::<Value>();
    match values.next() {
        Some(Ok(_)) => {}
        Some(Err(error)) => return Err(bad(format!("it is not JSON: {error}"))),
        None => return Err(bad("it is empty".to_owned())),
    }
    let (text, rest) = data.split_at(values.byte_offset());
    match trim(rest).first() {
        None => String::from_utf8(text.to_vec()).map_err(|error| bad(error.to_string())),
        Some(b'{') => Err(LoadError::TwoManifests { path: path_buf() }),
        Some(_) => Err(bad("something follows the JSON".to_owned())),
    }
}

/// Drops the zeros with which linkers and C strings pad.
fn trim(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(start, |last| last + 1);
    &bytes[start..end]
}
