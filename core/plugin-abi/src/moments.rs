//! Op extension `iso.moments/1`: ops on moments that the host folds once for all of them.

use core::ffi::c_void;

use crate::{iso_bytes, iso_err, iso_op, iso_out, iso_sink, iso_status};

/// Mean and centred scatter are present.
pub const ISO_PART_SECOND: u32 = 1;
/// Sums over unit vectors and norms are present.
pub const ISO_PART_DIRECTION: u32 = 2;
/// Per-dimension extrema and third and fourth central sums are present.
pub const ISO_PART_SHAPE: u32 = 4;

/// Eigen-decomposition of scatter / (n - 1).
pub const ISO_EIGEN_COVARIANCE: u32 = 1;
/// Eigen-decomposition of `XᵀX` = scatter + n · mean · meanᵀ.
pub const ISO_EIGEN_SECOND_MOMENT: u32 = 2;

/// The moments of n rows of width `cols`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct iso_moments {
    /// Size of this struct as the writer knows it.
    pub struct_size: u32,
    /// Which of the parts below are present (`ISO_PART_*`, ored).
    pub parts: u32,
    /// Passed back to `eigen`.
    pub ctx: *mut c_void,
    /// Rows.
    pub n: u64,
    /// Width.
    pub cols: u64,
    /// Key of the group of rows, empty for all rows.
    pub group: iso_bytes,
    /// SECOND: `cols`.
    pub mean: *const f64,
    /// SECOND: `cols` × `cols`, sum of (x - mean)(x - mean)ᵀ.
    pub scatter: *const f64,
    /// DIRECTION: rows of norm zero; the sums run over the other `n - zero_rows`.
    pub zero_rows: u64,
    /// DIRECTION: `cols`, sum of x / |x|.
    pub unit_sum: *const f64,
    /// DIRECTION: `cols`, sum of the squares of the components of x / |x|.
    pub unit_square_sum: *const f64,
    /// DIRECTION: sum of |x| over all n rows.
    pub norm_sum: f64,
    /// DIRECTION: smallest |x|.
    pub norm_min: f64,
    /// DIRECTION: largest |x|.
    pub norm_max: f64,
    /// DIRECTION: sum of (|x| - mean |x|)² over all n rows; exact where a sum of squares is not.
    pub norm_scatter: f64,
    /// SHAPE: `cols`, smallest value per dimension.
    pub dim_min: *const f64,
    /// SHAPE: `cols`, largest value per dimension.
    pub dim_max: *const f64,
    /// SHAPE: `cols`, sum of (x - mean)³ per dimension.
    pub cube_sum: *const f64,
    /// SHAPE: `cols`, sum of (x - mean)⁴ per dimension.
    pub fourth_sum: *const f64,
    /// Eigen-decomposition (`ISO_EIGEN_*`), computed once and kept while the call lasts. values: `cols`, descending;
    /// vectors: `cols` × `cols`, row k belongs to `values[k]`. Non-zero = failure.
    pub eigen: Option<
        unsafe extern "C" fn(
            ctx: *mut c_void,
            which: u32,
            values: *mut *const f64,
            vectors: *mut *const f64,
        ) -> i32,
    >,
}

/// Id of the op extension [`iso_moments_ops`].
pub const ISO_MOMENTS: &str = "iso.moments/1";

/// Op extension `iso.moments/1`.
#[repr(C)]
#[derive(Debug, Clone, Copy)]
pub struct iso_moments_ops {
    /// Size of this struct as the writer knows it.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// Takes the place of a pass: answers like `finish`. `again = 1`: the host runs `begin(model, 1)` over the rows.
    pub measure: Option<
        unsafe extern "C" fn(
            op: *const iso_op,
            moments: *const iso_moments,
            out: *const iso_out,
            model: iso_sink,
            again: *mut u32,
            err: *mut iso_err,
        ) -> iso_status,
    >,
}
