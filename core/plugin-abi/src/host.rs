//! The host as a plugin sees it, and its linear algebra.

use core::ffi::c_void;

use crate::iso_bytes;

/// The host. Its functions may be called from any thread, during a call only.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct iso_host {
    /// Size of this struct as the writer knows it.
    pub struct_size: u32,
    /// Major version the host speaks.
    pub abi_major: u16,
    /// Minor version the host speaks.
    pub abi_minor: u16,
    /// Passed back to the functions.
    pub ctx: *mut c_void,
    /// Levels: 1 error, 2 warn, 3 info, 4 debug.
    pub log: Option<unsafe extern "C" fn(ctx: *mut c_void, level: i32, message: iso_bytes)>,
    /// Non-zero = return [`ISO_CANCELLED`](crate::ISO_CANCELLED) soon.
    pub should_stop: Option<unsafe extern "C" fn(ctx: *mut c_void) -> i32>,
    /// Answers an extension by its id, e.g. [`ISO_LINALG`]; null = absent.
    pub get_extension: Option<unsafe extern "C" fn(ctx: *mut c_void, id: iso_bytes) -> *const c_void>,
}

/// Id of the host extension [`iso_linalg`].
pub const ISO_LINALG: &str = "iso.linalg/1";

/// Decomposes a symmetric matrix; see [`iso_linalg::eigh`].
pub type iso_eigh_fn =
    unsafe extern "C" fn(ctx: *mut c_void, n: u64, a: *const f64, values: *mut f64, vectors: *mut f64) -> i32;

/// Multiplies matrices; see [`iso_linalg::gemm`].
pub type iso_gemm_fn = unsafe extern "C" fn(
    ctx: *mut c_void,
    trans_a: u32,
    trans_b: u32,
    m: u64,
    n: u64,
    k: u64,
    alpha: f64,
    a: *const f64,
    lda: u64,
    b: *const f64,
    ldb: u64,
    beta: f64,
    c: *mut f64,
    ldc: u64,
) -> i32;

/// Host extension `iso.linalg/1`: one tuned implementation for every plugin. Non-zero = failure.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct iso_linalg {
    /// Size of this struct as the writer knows it.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// Passed back to the functions.
    pub ctx: *mut c_void,
    /// `a`: n×n, symmetric. `values`: n, descending. `vectors`: n×n, row k belongs to `values[k]`.
    pub eigh: Option<iso_eigh_fn>,
    /// `c = alpha op(a) op(b) + beta c`, row-major; `op(a)` is m×k, `op(b)` is k×n; `ld*` are the row strides as stored.
    pub gemm: Option<iso_gemm_fn>,
}
