//! Reads and checks the tables of a plugin.

use core::mem::{MaybeUninit, offset_of};
use core::ptr;

use isoscope_plugin_abi as abi;

use crate::LoadError;
use crate::manifest::{Manifest, OpManifest};

/// An op of a plugin: copies of its tables, and what its manifest declares.
#[derive(Debug, Clone)]
pub(crate) struct OpTable {
    pub(crate) manifest: OpManifest,
    pub(crate) calls: abi::iso_op_vtable,
    pub(crate) moments: Option<abi::iso_moments_ops>,
    pub(crate) enhance: Option<abi::iso_enhance_ops>,
}

// SAFETY: tables are immutable and live for ever; their functions may be called from any thread.
unsafe impl Send for OpTable {}
// SAFETY: as above.
unsafe impl Sync for OpTable {}

fn bad(id: &str, reason: impl Into<String>) -> LoadError {
    LoadError::BadTable { id: id.to_owned(), reason: reason.into() }
}

/// Copies a struct that starts with its `struct_size`. What a shorter struct of an older plugin lacks is zero, what a
/// longer one of a newer plugin has more is not read. Answers `None` for null and for less than `least` bytes.
///
/// # Safety
/// `table` is null or leads to a struct that starts with a `u32` and holds as many bytes as this says; zeroed bytes are
/// a valid `T`.
unsafe fn copy<T: Copy>(table: *const T, least: usize) -> Option<T> {
    if table.is_null() || !table.is_aligned() {
        return None;
    }
    // SAFETY: the struct starts with its size.
    let size = unsafe { table.cast::<u32>().read() } as usize;
    if size < least {
        return None;
    }
    let mut copy = MaybeUninit::<T>::zeroed();
    // SAFETY: `size` bytes can be read, `size_of::<T>()` can be written, and zeroed bytes are a valid T.
    unsafe {
        ptr::copy_nonoverlapping(
            table.cast::<u8>(),
            copy.as_mut_ptr().cast::<u8>(),
            size.min(size_of::<T>()),
        );
        Some(copy.assume_init())
    }
}

/// Checks the major version, which lies in the first 8 bytes of every version of the table.
///
/// # Safety
/// `table` is null or leads to an `iso_plugin` of any version.
pub(crate) unsafe fn check_major(table: *const abi::iso_plugin, id: &str) -> Result<(), LoadError> {
    if table.is_null() || !table.is_aligned() {
        return Err(bad(id, "the entry function answers no table"));
    }
    // SAFETY: the first 8 bytes are struct_size, abi_major and abi_min_minor in every version.
    let (major, minor) =
        unsafe { ((&raw const (*table).abi_major).read(), (&raw const (*table).abi_min_minor).read()) };
    if major != abi::ISO_ABI_MAJOR {
        let (major, minor) = (u64::from(major), u64::from(minor));
        return Err(LoadError::WrongMajor { id: id.to_owned(), major, minor });
    }
    Ok(())
}

/// Copies the table of a plugin.
///
/// # Safety
/// `table` leads to an `iso_plugin` of our major version.
pub(crate) unsafe fn plugin_of(
    table: *const abi::iso_plugin,
    id: &str,
) -> Result<abi::iso_plugin, LoadError> {
    // SAFETY: promised by the caller; an iso_plugin of zeros is valid.
    let plugin = unsafe { copy(table, size_of::<abi::iso_plugin>()) }
        .ok_or_else(|| bad(id, "it is shorter than ABI 1.0 says"))?;
    if plugin.abi_min_minor > abi::ISO_ABI_MINOR {
        return Err(LoadError::NewerMinor { id: id.to_owned(), minor: u64::from(plugin.abi_min_minor) });
    }
    Ok(plugin)
}

/// Copies the tables of the ops and matches them with the manifest.
///
/// # Safety
/// `plugin` is a valid `iso_plugin` whose tables live for ever.
pub(crate) unsafe fn op_tables(
    plugin: &abi::iso_plugin,
    manifest: &Manifest,
) -> Result<Vec<OpTable>, LoadError> {
    let id = manifest.id.as_str();
    let count = plugin.n_ops as usize;
    if count != manifest.ops.len() || (count > 0 && plugin.ops.is_null()) {
        return Err(bad(id, format!("it has {count} ops, its manifest lists {}", manifest.ops.len())));
    }
    let mut tables: Vec<OpTable> = Vec::with_capacity(count);
    for index in 0..count {
        // SAFETY: the table holds `n_ops` pointers to tables of ops.
        let calls = unsafe { copy(plugin.ops.add(index).read(), offset_of!(abi::iso_op_vtable, apply)) }
            .ok_or_else(|| bad(id, format!("the table of op number {index} is null or too short")))?;
        // SAFETY: the id of a table lives as long as the table.
        let name = String::from_utf8_lossy(unsafe { calls.id.as_slice() });
        if let Some(missing) = missing(&calls) {
            return Err(bad(id, format!("op {name} has no function {missing}")));
        }
        let listed = manifest.ops.iter().find(|op| op.id == name);
        let listed = listed.ok_or_else(|| bad(id, format!("op {name} is not in its manifest")))?;
        if tables.iter().any(|table| table.manifest.id == name) {
            return Err(bad(id, format!("op {name} is there twice")));
        }
        // SAFETY: what get_extension answers for these ids are these structs.
        let (moments, enhance) = unsafe {
            (
                copy(extension::<abi::iso_moments_ops>(&calls, abi::ISO_MOMENTS), 16),
                copy(extension::<abi::iso_enhance_ops>(&calls, abi::ISO_ENHANCE), 16),
            )
        };
        tables.push(OpTable { manifest: listed.clone(), calls, moments, enhance });
    }
    Ok(tables)
}

unsafe fn extension<T>(calls: &abi::iso_op_vtable, id: &str) -> *const T {
    // SAFETY: the header's contract of get_extension; the id lives for the call.
    calls.get_extension.map_or(ptr::null(), |get| unsafe { get(abi::iso_bytes::of(id.as_bytes())) }.cast())
}

/// Names the first function that every op must have and this one lacks.
fn missing(calls: &abi::iso_op_vtable) -> Option<&'static str> {
    let functions = [
        ("open", calls.open.is_some()),
        ("close", calls.close.is_some()),
        ("begin", calls.begin.is_some()),
        ("end", calls.end.is_some()),
        ("update", calls.update.is_some()),
        ("save", calls.save.is_some()),
        ("merge", calls.merge.is_some()),
        ("finish", calls.finish.is_some()),
    ];
    functions.iter().find(|(_, there)| !there).map(|(name, _)| *name)
}
