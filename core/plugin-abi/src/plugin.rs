//! The table of a plugin and the one symbol that answers it.

use crate::{iso_bytes, iso_op_vtable};

/// A plugin: its version, its manifest and its ops.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct iso_plugin {
    /// Size of this struct as the writer knows it.
    pub struct_size: u32,
    /// Major version the plugin speaks.
    pub abi_major: u16,
    /// Lowest host minor this binary *needs*, not the one it was built with.
    pub abi_min_minor: u16,
    /// The very bytes in the section [`ISO_MANIFEST_SECTION`].
    pub manifest: iso_bytes,
    /// `n_ops` tables.
    pub ops: *const *const iso_op_vtable,
    /// Number of `ops`.
    pub n_ops: u32,
    /// 0.
    pub reserved: u32,
}

// SAFETY: a table is immutable for the life of the process, and its pointers lead to immutable statics.
unsafe impl Sync for iso_plugin {}

/// Type of the entry symbol. It must not fail, allocate much, or start threads.
pub type iso_entry_fn = unsafe extern "C" fn() -> *const iso_plugin;

/// Name of the one exported symbol of a plugin of major version 1.
pub const ISO_ENTRY_SYMBOL: &str = "isoscope_plugin_entry_v1";

/// Name of the ELF section that holds the manifest.
pub const ISO_MANIFEST_SECTION: &str = ".iso_manifest";
