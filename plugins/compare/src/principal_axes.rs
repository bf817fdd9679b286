//! The principal axes of one cloud.

use isoscope_plugin_sdk::prelude::*;
use ndarray::{Axis, Slice};

/// Eigenvalues of a centred scatter (d×d) with their axes, and its numerical rank.
#[derive(Debug, Clone)]
pub(crate) struct PrincipalAxes {
    /// d eigenvalues of Σ p pᵀ, descending, never negative.
    pub(crate) values: Vec<f64>,
    /// d×d; row k is the unit axis of `values[k]`.
    pub(crate) vectors: Array2<f64>,
    /// Number of eigenvalues above `16 d ε λ₁`; what is below is the rounding of the sums.
    pub(crate) rank: usize,
}

impl PrincipalAxes {
    /// Decomposes a centred scatter, d×d.
    ///
    /// # Errors
    /// As [`Linalg::eigh`].
    pub(crate) fn of(linalg: Linalg, scatter: ArrayView2<'_, f64>) -> Result<Self> {
        let (values, vectors) = linalg.eigh(scatter)?;
        let values: Vec<f64> = values.iter().map(|value| value.max(0.0)).collect();
        let noise = 16.0 * values.len() as f64 * f64::EPSILON * values.first().copied().unwrap_or(0.0);
        let rank = values.iter().take_while(|value| **value > noise).count();
        Ok(Self { values, vectors, rank })
    }

    /// Returns the width d.
    pub(crate) fn cols(&self) -> usize {
        self.values.len()
    }

    /// Returns the first k axes, each times `factor` of its eigenvalue, k×d.
    pub(crate) fn scaled(&self, k: usize, factor: impl Fn(f64) -> f64) -> Array2<f64> {
        let mut axes = self.vectors.slice_axis(Axis(0), Slice::from(..k)).to_owned();
        for (mut axis, value) in axes.rows_mut().into_iter().zip(&self.values) {
            axis *= factor(*value);
        }
        axes
    }

    /// Returns the least number of axes that carry a share of the variance in (0, 1].
    pub(crate) fn count_for_share(&self, share: f64) -> usize {
        let total: f64 = self.values[..self.rank].iter().sum();
        let mut carried = 0.0;
        for (k, value) in self.values[..self.rank].iter().enumerate() {
            carried += value;
            if carried >= share * total {
                return k + 1;
            }
        }
        self.rank
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use isoscope_plugin_sdk::testing::native_host;

    use super::*;

    fn axes(diagonal: &[f64]) -> PrincipalAxes {
        let scatter = Array2::from_diag(&Array1::from(diagonal.to_vec()));
        PrincipalAxes::of(native_host().linalg(), scatter.view()).unwrap()
    }

    #[test]
    fn the_rank_leaves_out_what_rounding_could_have_made() {
        assert_eq!(axes(&[1.0, 1e-16, 4.0, 0.0]).rank, 2);
        assert_eq!(axes(&[0.0, 0.0]).rank, 0);
    }

    #[test]
    fn the_share_of_the_variance_is_reached_by_the_fewest_axes() {
        let axes = axes(&[2.0, 6.0, 1.0, 1.0]);
        assert_eq!(
            [0.5, 0.6, 0.61, 0.8, 0.99, 1.0].map(|share| axes.count_for_share(share)),
            [1, 1, 2, 2, 4, 4]
        );
    }
}
