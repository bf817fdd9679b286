//! Rows and series: what a plugin writes.

use core::ffi::c_void;

use crate::iso_bytes;

/// One number. The host adds model, layer, space, dataset, plugin version and digest.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct iso_row {
    /// Size of this struct as the writer knows it.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// Full id as the manifest lists it, e.g. `spectrum.isoscore`.
    pub metric: iso_bytes,
    /// Key inside an object-valued metric; empty for a scalar.
    pub part: iso_bytes,
    /// Empty = ok; otherwise why there is no value: the host stores null and this reason.
    pub status: iso_bytes,
    /// The value; ignored when `status` is not empty; a NaN is refused by the host.
    pub value: f64,
    /// Standard error; NaN = not estimated.
    pub std_err: f64,
    /// Observations behind the value.
    pub n: u64,
}

/// A vector of numbers: a spectrum, a curve over D, a list of dimensions.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct iso_series {
    /// Size of this struct as the writer knows it.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// Full id as the manifest lists it.
    pub metric: iso_bytes,
    /// Key inside an object-valued metric; empty otherwise.
    pub part: iso_bytes,
    /// Empty = ok; otherwise why there are no values.
    pub status: iso_bytes,
    /// The values.
    pub values: *const f64,
    /// Number of values.
    pub len: u64,
    /// Observations behind the values.
    pub n: u64,
}

/// Receives results during a call.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct iso_out {
    /// Size of this struct as the writer knows it.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// Passed back to the functions.
    pub ctx: *mut c_void,
    /// Receives one number; non-zero = refused.
    pub row: Option<unsafe extern "C" fn(ctx: *mut c_void, row: *const iso_row) -> i32>,
    /// Receives one vector; non-zero = refused.
    pub series: Option<unsafe extern "C" fn(ctx: *mut c_void, series: *const iso_series) -> i32>,
}
