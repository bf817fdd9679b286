//! The tables: one per op, one per plugin, all of them constants.

use core::ffi::c_void;
use core::marker::PhantomData;
use core::ptr;

use isoscope_plugin_abi as abi;

use super::{op_calls, run_calls};
use crate::{Kind, Op};

/// The constants of an op.
struct Tables<T>(PhantomData<T>);

impl<T: Op> Tables<T> {
    const OP: &'static abi::iso_op_vtable = &abi::iso_op_vtable {
        struct_size: size_of::<abi::iso_op_vtable>() as u32,
        flags: 0,
        id: abi::iso_bytes::of(T::META.id.as_bytes()),
        open: Some(op_calls::open::<T>),
        close: Some(op_calls::close::<T>),
        begin: Some(op_calls::begin::<T>),
        end: Some(run_calls::end::<T>),
        update: Some(run_calls::update::<T>),
        save: Some(run_calls::save::<T>),
        merge: Some(run_calls::merge::<T>),
        finish: Some(run_calls::finish::<T>),
        apply: if T::HAS_APPLY { Some(run_calls::apply::<T>) } else { None },
        state_size: Some(run_calls::state_size::<T>),
        get_extension: Some(extension::<T>),
    };

    const MOMENTS: &'static abi::iso_moments_ops = &abi::iso_moments_ops {
        struct_size: size_of::<abi::iso_moments_ops>() as u32,
        reserved: 0,
        measure: Some(op_calls::measure::<T>),
    };

    const ENHANCE: &'static abi::iso_enhance_ops = &abi::iso_enhance_ops {
        struct_size: size_of::<abi::iso_enhance_ops>() as u32,
        reserved: 0,
        output_cols: Some(op_calls::output_cols::<T>),
        affine: if T::META.affine { Some(op_calls::affine::<T>) } else { None },
    };
}

unsafe extern "C" fn extension<T: Op>(id: abi::iso_bytes) -> *const c_void {
    // SAFETY: the header's contract of get_extension: the id is borrowed for the call.
    let id = unsafe { id.as_slice() };
    if id == abi::ISO_MOMENTS.as_bytes() && T::HAS_MEASURE {
        ptr::from_ref(Tables::<T>::MOMENTS).cast()
    } else if id == abi::ISO_ENHANCE.as_bytes() && (T::HAS_APPLY || matches!(T::META.kind, Kind::Enhancement))
    {
        ptr::from_ref(Tables::<T>::ENHANCE).cast()
    } else {
        ptr::null()
    }
}

/// Returns the table of an op.
#[must_use]
pub const fn vtable<T: Op>() -> *const abi::iso_op_vtable {
    Tables::<T>::OP
}

/// Makes the table of a plugin.
#[must_use]
pub const fn plugin_table(
    manifest: &'static [u8],
    ops: &'static [*const abi::iso_op_vtable],
) -> abi::iso_plugin {
    abi::iso_plugin {
        struct_size: size_of::<abi::iso_plugin>() as u32,
        abi_major: abi::ISO_ABI_MAJOR,
        // Nothing beyond 1.0 is used.
        abi_min_minor: 0,
        manifest: abi::iso_bytes::of(manifest),
        ops: ops.as_ptr(),
        n_ops: ops.len() as u32,
        reserved: 0,
    }
}

/// Copies the table of a plugin with the manifest that lies in the section.
#[must_use]
pub const fn with_manifest(table: &abi::iso_plugin, manifest: &'static [u8]) -> abi::iso_plugin {
    abi::iso_plugin { manifest: abi::iso_bytes::of(manifest), ..*table }
}
