//! The table of an op and what the host must know of an enhancement.

use core::ffi::c_void;
use core::marker::{PhantomData, PhantomPinned};

use crate::{iso_batch, iso_bytes, iso_err, iso_host, iso_input, iso_matrix, iso_out, iso_sink, iso_status};

/// An opened op: opaque, immutable, shared by threads, destroyed by `close`.
#[repr(C)]
#[derive(Debug)]
pub struct iso_op {
    opaque: [u8; 0],
    marker: PhantomData<(*mut u8, PhantomPinned)>,
}

/// A run of an op over a shard or a reduction: opaque, used by one thread at a time, destroyed by `end`.
#[repr(C)]
#[derive(Debug)]
pub struct iso_run {
    opaque: [u8; 0],
    marker: PhantomData<(*mut u8, PhantomPinned)>,
}

/// The functions of an op.
///
/// Life: `open -> ( begin(model) -> update* -> save, ... merge* -> finish )* -> close`. The first model is empty.
/// `finish` answers `again = 1` with the model of the next pass, or `again = 0` with the final one, which `apply` uses.
/// `merge` takes bytes that `save` wrote under the same model.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct iso_op_vtable {
    /// Size of this struct as the writer knows it.
    pub struct_size: u32,
    /// 0.
    pub flags: u32,
    /// Id of the op, unique in the plugin.
    pub id: iso_bytes,
    /// Reads the parameters and makes the op.
    pub open: Option<
        unsafe extern "C" fn(
            host: *const iso_host,
            input: *const iso_input,
            params_json: iso_bytes,
            out: *mut *mut iso_op,
            err: *mut iso_err,
        ) -> iso_status,
    >,
    /// Destroys the op.
    pub close: Option<unsafe extern "C" fn(op: *mut iso_op)>,
    /// Starts a run under a model.
    pub begin: Option<
        unsafe extern "C" fn(
            op: *const iso_op,
            model: iso_bytes,
            pass: u32,
            out: *mut *mut iso_run,
            err: *mut iso_err,
        ) -> iso_status,
    >,
    /// Destroys the run.
    pub end: Option<unsafe extern "C" fn(run: *mut iso_run)>,
    /// Absorbs a batch into the state.
    pub update: Option<
        unsafe extern "C" fn(run: *mut iso_run, batch: *const iso_batch, err: *mut iso_err) -> iso_status,
    >,
    /// Writes the state.
    pub save:
        Option<unsafe extern "C" fn(run: *const iso_run, state: iso_sink, err: *mut iso_err) -> iso_status>,
    /// Absorbs a saved state.
    pub merge:
        Option<unsafe extern "C" fn(run: *mut iso_run, state: iso_bytes, err: *mut iso_err) -> iso_status>,
    /// Turns the state into results and a model.
    pub finish: Option<
        unsafe extern "C" fn(
            run: *mut iso_run,
            out: *const iso_out,
            model: iso_sink,
            again: *mut u32,
            err: *mut iso_err,
        ) -> iso_status,
    >,
    /// Optional: maps rows under a final model. `out` is allocated by the host, rows × output columns.
    pub apply: Option<
        unsafe extern "C" fn(
            run: *const iso_run,
            batch: *const iso_batch,
            out: *mut iso_matrix,
            err: *mut iso_err,
        ) -> iso_status,
    >,
    /// Optional: bytes of memory or of encoding that the state takes.
    pub state_size: Option<unsafe extern "C" fn(run: *const iso_run) -> u64>,
    /// Optional: answers an extension by its id; null = absent.
    pub get_extension: Option<unsafe extern "C" fn(id: iso_bytes) -> *const c_void>,
}

// SAFETY: a table is immutable for the life of the process, and its pointers lead to immutable statics.
unsafe impl Sync for iso_op_vtable {}

/// Id of the op extension [`iso_enhance_ops`].
pub const ISO_ENHANCE: &str = "iso.enhance/1";

/// Op extension `iso.enhance/1`: what the host must know of an enhancement.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct iso_enhance_ops {
    /// Size of this struct as the writer knows it.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// Answers the width of the rows that `apply` writes.
    pub output_cols: Option<
        unsafe extern "C" fn(
            op: *const iso_op,
            model: iso_bytes,
            cols: *mut u64,
            err: *mut iso_err,
        ) -> iso_status,
    >,
    /// `None` when the map is not affine. `y = a x + c` with `a`: `output_cols` × cols, `c`: `output_cols`.
    pub affine: Option<
        unsafe extern "C" fn(
            op: *const iso_op,
            model: iso_bytes,
            a: *mut f64,
            c: *mut f64,
            err: *mut iso_err,
        ) -> iso_status,
    >,
}
