//! Shape distances: what remains between two centred clouds after the best rotation.

use isoscope_plugin_sdk::prelude::*;

use crate::{
    cross_moments::CrossMoments,
    svd::singular_values,
    value::{Value, at_least, undefined},
};

/// Sizes of two centred clouds and the best inner product that a rotation reaches. The narrower cloud counts
/// as padded with zeros.
pub(crate) struct Procrustes {
    n: u64,
    /// ‖Ã‖² and ‖B̃‖².
    squares: [f64; 2],
    /// `‖ÃᵀB̃‖_*`, the sum of the singular values.
    nuclear: f64,
    /// Share of the squared sizes that the sums do not resolve.
    noise: f64,
}

impl Procrustes {
    /// Finds the best inner product.
    ///
    /// # Errors
    /// As [`singular_values`].
    pub(crate) fn new(linalg: Linalg, m: &CrossMoments) -> Result<Self> {
        let (d, e) = m.widths();
        Ok(Self {
            n: m.n(),
            squares: [m.aa().trace(), m.bb().trace()],
            nuclear: singular_values(linalg, m.ab().scatter()?)?.iter().sum(),
            noise: 16.0 * d.max(e) as f64 * f64::EPSILON,
        })
    }

    /// Computes the size-and-shape distance √(‖Ã‖² + ‖B̃‖² − 2‖ÃᵀB̃‖_*), at least 0. Squares within the
    /// rounding of the sums count as 0.
    pub(crate) fn size_and_shape(&self) -> Value {
        at_least(2, self.n)?;
        let total = self.squares[0] + self.squares[1];
        let square = total - 2.0 * self.nuclear;
        Ok(if square <= self.noise * total { 0.0 } else { square.sqrt() })
    }

    /// Computes the distance of the clouds at unit Frobenius norm, in [0, √2].
    pub(crate) fn normalized(&self) -> Value {
        Ok((2.0 - 2.0 * self.cosine()?).sqrt())
    }

    /// Computes the angle between the shapes in radians, in [0, π/2].
    pub(crate) fn angle(&self) -> Value {
        Ok(self.cosine()?.acos())
    }

    /// Returns `‖ÃᵀB̃‖_* / (‖Ã‖ ‖B̃‖)` in [0, 1]; 1 when it is within rounding.
    fn cosine(&self) -> Value {
        // Two rows have one distance: after scaling any two clouds of two rows coincide.
        at_least(3, self.n)?;
        if self.squares.iter().any(|square| *square <= 0.0) {
            return undefined("all rows of a cloud are equal");
        }
        let cosine = self.nuclear / self.squares[0].sqrt() / self.squares[1].sqrt();
        Ok(if cosine >= 1.0 - self.noise { 1.0 } else { cosine })
    }
}
