//! Loads a shared object: seal, hash, check, map, check again.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::{AsRawFd, IntoRawFd};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use isoscope_plugin_abi as abi;
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

use crate::LoadError;
use crate::dynamic::refuse_static_tls;
use crate::elf::{manifest_in, read_file};
use crate::manifest::Manifest;
use crate::plugin::Loaded;
use crate::scan::digest_of;
use crate::sealed::sealed_copy;
use crate::table::{check_major, op_tables, plugin_of};

/// Keeps the library mapped even if its handle were closed: destructors of thread-locals would run unmapped code.
const RTLD_NODELETE: i32 = 0x1000;

/// What is mapped, by digest: the same bytes are mapped once, however often and from wherever they are loaded.
static MAPPED: Mutex<BTreeMap<String, Arc<Loaded>>> = Mutex::new(BTreeMap::new());

/// Loads the file, or answers what is mapped already from the same bytes.
pub(crate) fn load(path: &Path) -> Result<Arc<Loaded>, LoadError> {
    let failed = |source| LoadError::Io { path: path.to_owned(), source };
    let (file, bytes) = sealed_copy(&read_file(path)?).map_err(failed)?;
    let digest = digest_of(&bytes);
    let mut mapped = MAPPED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(loaded) = mapped.get(&digest) {
        return Ok(Arc::clone(loaded));
    }
    let manifest_json = manifest_in(&bytes, path)?;
    let manifest = Manifest::parse(&manifest_json, &path.display().to_string())?;
    refuse_static_tls(&bytes, path)?;
    let table = entry_table(file, path)?;
    // SAFETY: the pointer is what the plugin's entry function answered.
    unsafe { check_major(table, &manifest.id) }?;
    // SAFETY: as above; the major version is ours, so the struct is ours.
    let plugin = unsafe { plugin_of(table, &manifest.id) }?;
    // SAFETY: the table's manifest lives as long as the library, that is for ever.
    if unsafe { plugin.manifest.as_slice() } != manifest_json.as_bytes() {
        return Err(LoadError::ManifestMismatch { path: path.to_owned() });
    }
    // SAFETY: the table is a valid iso_plugin of our major version.
    let ops = unsafe { op_tables(&plugin, &manifest) }?;
    let loaded = Arc::new(Loaded { id: manifest.id, version: manifest.version, manifest_json, digest, ops });
    mapped.insert(loaded.digest.clone(), Arc::clone(&loaded));
    Ok(loaded)
}

/// Maps the library and calls its entry function.
fn entry_table(file: File, path: &Path) -> Result<*const abi::iso_plugin, LoadError> {
    let name = format!("/proc/self/fd/{}", file.as_raw_fd());
    let reason = |error: libloading::Error| {
        // The loader names the private copy; people know the file.
        let text = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
        text.replace(&name, &path.display().to_string())
    };
    // SAFETY: this runs the library's initialisers, which is what loading a plugin means: it has the process's rights.
    let library = unsafe { Library::open(Some(&name), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE) }
        .map_err(|error| LoadError::Open { path: path.to_owned(), reason: reason(error) })?;
    // The descriptor stays open for ever: the loader knows libraries by name, and this name holds its number.
    let _ = file.into_raw_fd();
    // SAFETY: the header gives this symbol this type.
    let entry = unsafe { library.get::<abi::iso_entry_fn>(abi::ISO_ENTRY_SYMBOL.as_bytes()) }
        .map(|symbol| *symbol)
        .map_err(|error| LoadError::NoSymbol { path: path.to_owned(), reason: reason(error) });
    // Never unloaded: there is no sound moment for it.
    std::mem::forget(library);
    // SAFETY: the header's contract of the entry function.
    Ok(unsafe { entry?() })
}
