//! The leading principal directions of the fitted rows.

use isoscope_plugin_sdk::prelude::*;
use ndarray::{Axis, Slice};

use crate::affine::require_rows;

/// Eigenvalues below this many `d ε λ₁` are rounding noise of a Gram matrix formed in double precision.
const NOISE: f64 = 16.0;

/// Principal directions with their variances, as far as the data determine them.
pub(crate) struct Principal<'a> {
    /// Eigenvalues of the covariance, descending.
    pub(crate) values: ArrayView1<'a, f64>,
    /// Directions as rows.
    pub(crate) vectors: ArrayView2<'a, f64>,
    /// Number of directions whose variance is more than rounding noise.
    pub(crate) rank: usize,
}

impl<'a> Principal<'a> {
    /// Finds the principal directions.
    ///
    /// A direction counts towards the rank when its variance exceeds both the noise of double-precision arithmetic and
    /// that of rows given in single precision, `ε² E‖x‖² / d`.
    ///
    /// # Errors
    /// Fails for fewer than 2 rows, or when the host's eigen-decomposition does.
    pub(crate) fn of(m: &Moments<'a>) -> Result<Self> {
        require_rows(m, 2)?;
        if !(m.n() as f64 * m.mean_squared_norm()).is_finite() {
            return Err(Error::failed(
                "the rows are too large: the sum of their squares is beyond the range of 64-bit numbers",
            ));
        }
        let eigen = m.covariance_eigen()?;
        let d = m.cols() as f64;
        let largest = eigen.values.first().copied().unwrap_or(0.0);
        let single = f64::from(f32::EPSILON);
        let floor = (NOISE * d * f64::EPSILON * largest).max(single * single * m.mean_squared_norm() / d);
        let rank = eigen.values.iter().take_while(|v| **v > floor).count();
        Ok(Self { values: eigen.values, vectors: eigen.vectors, rank })
    }

    /// Views the first `k` directions, `k × d`.
    pub(crate) fn leading(&self, k: usize) -> ArrayView2<'_, f64> {
        self.vectors.slice_axis(Axis(0), Slice::from(..k))
    }
}
