//! Moments as the host gives them to ops.

use core::ffi::c_void;
use core::{fmt, ptr};
use std::panic::{AssertUnwindSafe, catch_unwind};

use isoscope_plugin_abi as abi;

use crate::manifest::OpManifest;
use crate::op_error::{Blame, OpError};

/// Which matrix is decomposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EigenOf {
    /// scatter / (n - 1).
    Covariance,
    /// `XᵀX` = scatter + n·mean·meanᵀ.
    SecondMoment,
}

/// Answers the eigen-decompositions of some moments; it computes each once and keeps it.
pub trait EigenSource {
    /// Answers d values, descending, and d×d vectors, row k for value k; `None` when the decomposition fails.
    fn eigen(&self, which: EigenOf) -> Option<(&[f64], &[f64])>;
}

/// Sums over directions and norms.
#[derive(Debug, Clone, Copy)]
pub struct DirectionView<'a> {
    /// Rows of norm zero; the sums over unit vectors run over the others.
    pub zero_rows: u64,
    /// d; sum of x / |x|.
    pub unit_sum: &'a [f64],
    /// d; sum of the squares of the components of x / |x|.
    pub unit_square_sum: &'a [f64],
    /// Sum of |x| over all n rows.
    pub norm_sum: f64,
    /// Smallest |x|.
    pub norm_min: f64,
    /// Largest |x|.
    pub norm_max: f64,
    /// Sum of (|x| - mean |x|)² over all n rows.
    pub norm_scatter: f64,
}

/// Per-dimension extrema and higher central sums, d each.
#[derive(Debug, Clone, Copy)]
pub struct ShapeView<'a> {
    /// Smallest value.
    pub dim_min: &'a [f64],
    /// Largest value.
    pub dim_max: &'a [f64],
    /// Sum of (x - mean)³.
    pub cube_sum: &'a [f64],
    /// Sum of (x - mean)⁴.
    pub fourth_sum: &'a [f64],
}

/// The moments of n rows of width d.
#[derive(Clone, Copy)]
pub struct MomentsView<'a> {
    /// Rows.
    pub n: u64,
    /// d; mean of the rows.
    pub mean: &'a [f64],
    /// d×d; sum of (x - mean)(x - mean)ᵀ.
    pub scatter: &'a [f64],
    /// Key of the group of rows; empty for all rows.
    pub group: &'a str,
    /// Present when an op needs it.
    pub direction: Option<DirectionView<'a>>,
    /// Present when an op needs it.
    pub shape: Option<ShapeView<'a>>,
    /// The eigen-decompositions.
    pub eigen: &'a dyn EigenSource,
}

impl fmt::Debug for MomentsView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MomentsView")
            .field("n", &self.n)
            .field("cols", &self.mean.len())
            .field("group", &self.group)
            .finish_non_exhaustive()
    }
}

/// The context of `iso_moments.eigen`.
pub(crate) struct EigenContext<'a> {
    source: &'a dyn EigenSource,
    cols: usize,
}

impl<'a> MomentsView<'a> {
    pub(crate) fn context(&self) -> EigenContext<'a> {
        EigenContext { source: self.eigen, cols: self.mean.len() }
    }

    /// Checks that every buffer holds what the plugin will read and that the parts that the op needs are there.
    pub(crate) fn check(&self, cols: &[usize], op: &OpManifest, blame: &Blame) -> Result<(), OpError> {
        let d = self.mean.len();
        if cols != [d] {
            return Err(blame.invalid(format!("the moments have width {d}, the op was opened for {cols:?}")));
        }
        let direction = self.direction.iter().flat_map(|sums| [sums.unit_sum, sums.unit_square_sum]);
        let shape =
            self.shape.iter().flat_map(|sums| [sums.dim_min, sums.dim_max, sums.cube_sum, sums.fourth_sum]);
        if self.scatter.len() != d * d || direction.chain(shape).any(|buffer| buffer.len() != d) {
            return Err(blame.invalid(format!("the moments do not all have width {d}")));
        }
        for (part, there) in [("direction", self.direction.is_some()), ("shape", self.shape.is_some())] {
            if !there && op.parts.iter().any(|needed| needed == part) {
                return Err(
                    blame.invalid(format!("the op needs the part {part} of the moments, which is absent"))
                );
            }
        }
        Ok(())
    }

    /// Returns the C struct; it is valid while the view and the context live.
    pub(crate) fn raw(&self, context: &EigenContext<'_>) -> abi::iso_moments {
        let direction = |pick: fn(&DirectionView<'a>) -> &'a [f64]| {
            self.direction.as_ref().map_or(ptr::null(), |sums| pick(sums).as_ptr())
        };
        let shape = |pick: fn(&ShapeView<'a>) -> &'a [f64]| {
            self.shape.as_ref().map_or(ptr::null(), |sums| pick(sums).as_ptr())
        };
        let norm = |pick: fn(&DirectionView<'a>) -> f64| self.direction.as_ref().map_or(0.0, pick);
        let mut parts = abi::ISO_PART_SECOND;
        if self.direction.is_some() {
            parts |= abi::ISO_PART_DIRECTION;
        }
        if self.shape.is_some() {
            parts |= abi::ISO_PART_SHAPE;
        }
        abi::iso_moments {
            struct_size: size_of::<abi::iso_moments>() as u32,
            parts,
            ctx: ptr::from_ref(context).cast_mut().cast(),
            n: self.n,
            cols: self.mean.len() as u64,
            group: abi::iso_bytes::of(self.group.as_bytes()),
            mean: self.mean.as_ptr(),
            scatter: self.scatter.as_ptr(),
            zero_rows: self.direction.as_ref().map_or(0, |sums| sums.zero_rows),
            unit_sum: direction(|sums| sums.unit_sum),
            unit_square_sum: direction(|sums| sums.unit_square_sum),
            norm_sum: norm(|sums| sums.norm_sum),
            norm_min: norm(|sums| sums.norm_min),
            norm_max: norm(|sums| sums.norm_max),
            norm_scatter: norm(|sums| sums.norm_scatter),
            dim_min: shape(|sums| sums.dim_min),
            dim_max: shape(|sums| sums.dim_max),
            cube_sum: shape(|sums| sums.cube_sum),
            fourth_sum: shape(|sums| sums.fourth_sum),
            eigen: Some(eigen),
        }
    }
}

unsafe extern "C" fn eigen(
    ctx: *mut c_void,
    which: u32,
    values: *mut *const f64,
    vectors: *mut *const f64,
) -> i32 {
    // SAFETY: the context is that of this call.
    let context = unsafe { &*ctx.cast::<EigenContext<'_>>() };
    let of = match which {
        abi::ISO_EIGEN_COVARIANCE => EigenOf::Covariance,
        abi::ISO_EIGEN_SECOND_MOMENT => EigenOf::SecondMoment,
        _ => return 1,
    };
    // A panic of the host must not unwind through the plugin.
    let found = catch_unwind(AssertUnwindSafe(|| context.source.eigen(of))).unwrap_or(None);
    match found {
        Some((d, square)) if d.len() == context.cols && square.len() == context.cols * context.cols => {
            // SAFETY: the header's contract of eigen: both are valid for writing.
            unsafe {
                values.write(d.as_ptr());
                vectors.write(square.as_ptr());
            }
            0
        }
        _ => 1,
    }
}
