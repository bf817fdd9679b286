//! Borrowed bytes, matrices, columns and batches: what a plugin reads.

use core::ffi::c_void;

/// Status of a call: [`ISO_OK`] or the kind of failure.
pub type iso_status = i32;

/// The call succeeded.
pub const ISO_OK: iso_status = 0;
/// Parameters or input are wrong: the job fails, no retry.
pub const ISO_INVALID: iso_status = 1;
/// An optional function that this op does not offer.
pub const ISO_UNSUPPORTED: iso_status = 2;
/// The host's `should_stop` said so.
pub const ISO_CANCELLED: iso_status = 3;
/// Out of memory or another limit: may be retried on a larger worker.
pub const ISO_RESOURCE: iso_status = 4;
/// Numerical or other failure: the job fails.
pub const ISO_FAILED: iso_status = 5;
/// A bug in the plugin: the handle is poisoned, only `end` and `close` may follow.
pub const ISO_PANIC: iso_status = 6;

/// Borrowed bytes; text is UTF-8 without a terminating NUL.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct iso_bytes {
    /// First byte; may be null when `len` is 0.
    pub ptr: *const u8,
    /// Number of bytes.
    pub len: usize,
}

impl iso_bytes {
    /// Borrows a slice; the value must not outlive it.
    #[must_use]
    pub const fn of(bytes: &[u8]) -> Self {
        Self { ptr: bytes.as_ptr(), len: bytes.len() }
    }

    /// Returns the empty bytes.
    #[must_use]
    pub const fn empty() -> Self {
        Self { ptr: core::ptr::null(), len: 0 }
    }

    /// Views the bytes as a slice.
    ///
    /// # Safety
    /// `ptr` must point to `len` readable bytes that live and stay unchanged for `'a`, or `len` must be 0.
    #[must_use]
    pub const unsafe fn as_slice<'a>(self) -> &'a [u8] {
        if self.len == 0 || self.ptr.is_null() {
            return &[];
        }
        // SAFETY: the caller vouches for the pointer, the length and the lifetime.
        unsafe { core::slice::from_raw_parts(self.ptr, self.len) }
    }
}

/// An error message, allocated by the caller and filled by the callee.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct iso_err {
    /// Bytes of `msg` in use.
    pub len: u32,
    /// UTF-8 text.
    pub msg: [u8; 1020],
}

impl iso_err {
    /// Returns an empty message.
    #[must_use]
    pub const fn new() -> Self {
        Self { len: 0, msg: [0; 1020] }
    }

    /// Replaces the message, cut at a character boundary where it does not fit.
    pub fn set(&mut self, message: &str) {
        let end = message.floor_char_boundary(self.msg.len());
        self.msg[..end].copy_from_slice(&message.as_bytes()[..end]);
        self.len = end as u32;
    }

    /// Views the bytes in use; a length beyond the buffer is cut to it.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.msg[..(self.len as usize).min(self.msg.len())]
    }
}

impl Default for iso_err {
    fn default() -> Self {
        Self::new()
    }
}

/// Receives bytes; may be called several times, the pieces are concatenated.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct iso_sink {
    /// Passed back to `write`.
    pub ctx: *mut c_void,
    /// Returns 0, or non-zero to stop the writer.
    pub write: Option<unsafe extern "C" fn(ctx: *mut c_void, bytes: *const u8, len: usize) -> i32>,
}

/// Signed integers (`DLPack`'s code).
pub const ISO_DTYPE_INT: u8 = 0;
/// Unsigned integers (`DLPack`'s code).
pub const ISO_DTYPE_UINT: u8 = 1;
/// IEEE floats (`DLPack`'s code).
pub const ISO_DTYPE_FLOAT: u8 = 2;
/// bfloat16 (`DLPack`'s code).
pub const ISO_DTYPE_BFLOAT: u8 = 4;
/// Memory of the CPU (`DLPack`'s code).
pub const ISO_DEVICE_CPU: i32 = 1;

/// A matrix view, row-major with an inner stride of 1. The host of ABI 1.0 passes 64-bit floats on the CPU.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct iso_matrix {
    /// Element `[0][0]`; not null when `rows * cols > 0`; aligned to the element.
    pub data: *mut c_void,
    /// Number of rows (observations).
    pub rows: u64,
    /// Number of columns (dimensions).
    pub cols: u64,
    /// Distance between rows in elements, at least `cols`.
    pub row_stride: i64,
    /// One of `ISO_DTYPE_*`.
    pub dtype_code: u8,
    /// Bits of an element.
    pub dtype_bits: u8,
    /// 1.
    pub dtype_lanes: u16,
    /// One of `ISO_DEVICE_*`.
    pub device_type: i32,
    /// Number of the device.
    pub device_id: i32,
    /// 0.
    pub flags: u32,
}

/// Column of `int64_t`.
pub const ISO_COL_I64: u32 = 1;
/// Column of `double`.
pub const ISO_COL_F64: u32 = 2;
/// Column of UTF-8 strings: offsets and bytes.
pub const ISO_COL_UTF8: u32 = 3;

/// A column of the rows' metadata, in Arrow's buffer layout without Arrow's structs.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct iso_column {
    /// `"row"`, `"sentence"`, `"token_id"`, `"position"`, `"gold"`, ...
    pub name: iso_bytes,
    /// `int64_t`, `double`, or the bytes of the strings.
    pub values: *const c_void,
    /// For [`ISO_COL_UTF8`]: `rows + 1` offsets into `values`, else null.
    pub offsets: *const i32,
    /// Least-significant-bit-first bitmap, or null when every value is present.
    pub validity: *const u8,
    /// One of `ISO_COL_*`.
    pub r#type: u32,
    /// 0.
    pub reserved: u32,
}

/// A batch of rows.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct iso_batch {
    /// Size of this struct as the writer knows it.
    pub struct_size: u32,
    /// Number of `views`.
    pub n_views: u32,
    /// Rows of every view and of every column.
    pub rows: u64,
    /// Global index of row 0: seed randomness with it, never with the shard.
    pub first_row: u64,
    /// One view, or two row-aligned ones for a comparison.
    pub views: *const iso_matrix,
    /// The columns.
    pub columns: *const iso_column,
    /// Number of `columns`.
    pub n_columns: u32,
    /// 0.
    pub reserved: u32,
}

/// What is known before the first batch; the same for all shards.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct iso_input {
    /// Size of this struct as the writer knows it.
    pub struct_size: u32,
    /// Number of views.
    pub n_views: u32,
    /// Width of each view.
    pub cols: *const u64,
    /// Rows over all shards; 0 when unknown.
    pub rows: u64,
    /// Seed of all randomness.
    pub seed: u64,
}
