//! Canonical correlations and what is made of them.

use isoscope_plugin_sdk::prelude::*;
use ndarray::{Axis, Slice};

use crate::{
    cross_moments::CrossMoments,
    principal_axes::PrincipalAxes,
    svd::{Svd, singular_values},
    value::{Value, undefined},
};

/// Distance of two canonical correlations below which their directions count as arbitrary.
const TIE: f64 = 1e-10;

/// Range of the correlations below which their weights hardly matter.
const NARROW: f64 = 1e-6;

/// The whitened cross-covariance of two clouds, `T = Λ_A^-½ U_A S_AB U_Bᵀ Λ_B^-½`, within their numerical
/// ranks. Its singular values are the canonical correlations.
pub(crate) struct Whitened<'a> {
    linalg: Linalg,
    n: u64,
    a: &'a PrincipalAxes,
    b: &'a PrincipalAxes,
    /// rank A × rank B.
    t: Array2<f64>,
}

impl<'a> Whitened<'a> {
    /// Whitens the joint scatter of the moments by the axes of both sides.
    ///
    /// # Errors
    /// [`Error::Failed`] when the host's product fails.
    pub(crate) fn new(
        linalg: Linalg,
        m: &CrossMoments,
        a: &'a PrincipalAxes,
        b: &'a PrincipalAxes,
    ) -> Result<Self> {
        let whitener = |axes: &PrincipalAxes| axes.scaled(axes.rank, |value| value.sqrt().recip());
        let left = linalg.matmul(whitener(a).view(), m.ab().scatter()?)?;
        let t = linalg.matmul(left.view(), whitener(b).t())?;
        Ok(Self { linalg, n: m.n(), a, b, t })
    }

    /// Decomposes T, or says why the correlations mean nothing.
    ///
    /// # Errors
    /// As [`Svd::of`].
    pub(crate) fn correlations(&self) -> Result<core::result::Result<Correlations, String>> {
        if let Err(reason) = self.room(self.a.rank, self.b.rank) {
            return Ok(Err(reason));
        }
        let svd = Svd::of(self.linalg, self.t.view())?;
        let values = svd.values.iter().map(|value| value.min(1.0)).collect();
        Ok(Ok(Correlations {
            values,
            weights_a: self.weights(self.a, &svd.left)?,
            weights_b: self.weights(self.b, &svd.right)?,
        }))
    }

    /// Computes SVCCA, the mean canonical correlation of the leading axes that carry a share of the variance
    /// of each side.
    ///
    /// # Errors
    /// As [`singular_values`].
    pub(crate) fn svcca(&self, share: f64) -> Result<Value> {
        let (k_a, k_b) = (self.a.count_for_share(share), self.b.count_for_share(share));
        if let Err(reason) = self.room(k_a, k_b) {
            return Ok(Err(reason));
        }
        let leading = self.t.slice_axis(Axis(0), Slice::from(..k_a));
        let values = singular_values(self.linalg, leading.slice_axis(Axis(1), Slice::from(..k_b)))?;
        Ok(Ok(mean(&values.iter().map(|value| value.min(1.0)).collect::<Vec<_>>())))
    }

    /// Computes R² of the linear regression of A on B, `‖Q_Bᵀ Ã‖² / ‖Ã‖²`; `Q_B` spans the columns of B̃.
    pub(crate) fn regression(&self) -> Value {
        let total: f64 = self.a.values.iter().sum();
        if self.a.rank == 0 || self.b.rank == 0 {
            return undefined("all rows of a cloud are equal");
        }
        if self.b.rank as u64 >= self.n - 1 {
            return undefined(format!("{} predictors explain any {} rows", self.b.rank, self.n));
        }
        let explained: f64 = self
            .t
            .rows()
            .into_iter()
            .zip(&self.a.values)
            .map(|(row, value)| value * row.iter().map(|v| v * v).sum::<f64>())
            .sum();
        Ok((explained / total).min(1.0))
    }

    /// Asks whether correlations of subspaces of these dimensions can be other than 1 in the n − 1 dimensions
    /// of centred rows.
    fn room(&self, k_a: usize, k_b: usize) -> core::result::Result<(), String> {
        if k_a == 0 || k_b == 0 {
            return undefined("all rows of a cloud are equal");
        }
        if (k_a + k_b) as u64 > self.n - 1 {
            return undefined(format!(
                "{} rows are too few for {k_a} and {k_b} dimensions: some correlations would be 1 for any data",
                self.n
            ));
        }
        Ok(())
    }

    /// Computes `α_i = Σ_j |⟨h_i, x_j⟩|` of the canonical variates `h_i` of one side and its columns `x_j`.
    fn weights(&self, axes: &PrincipalAxes, directions: &Array2<f64>) -> Result<Vec<f64>> {
        let loadings = self.linalg.matmul(directions.view(), axes.scaled(axes.rank, f64::sqrt).view())?;
        Ok(loadings.rows().into_iter().map(|row| row.iter().map(|v| v.abs()).sum()).collect())
    }
}

/// The canonical correlations of two clouds, min(rank A, rank B) of them.
pub(crate) struct Correlations {
    /// Descending, in [0, 1].
    values: Vec<f64>,
    /// How much of A, and of B, each canonical variate accounts for.
    weights_a: Vec<f64>,
    weights_b: Vec<f64>,
}

impl Correlations {
    /// Computes the mean correlation.
    pub(crate) fn mean(&self) -> f64 {
        mean(&self.values)
    }

    /// Computes the mean squared correlation (Yanai's measure).
    pub(crate) fn mean_square(&self) -> f64 {
        mean(&self.values.iter().map(|value| value * value).collect::<Vec<_>>())
    }

    /// Computes PWCCA with the weights of A.
    pub(crate) fn weighted_by_a(&self) -> Value {
        weighted(&self.values, &self.weights_a)
    }

    /// Computes PWCCA with the weights of B.
    pub(crate) fn weighted_by_b(&self) -> Value {
        weighted(&self.values, &self.weights_b)
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Computes the weighted mean, unless coinciding correlations make the weights arbitrary.
fn weighted(values: &[f64], weights: &[f64]) -> Value {
    let range = values[0] - values[values.len() - 1];
    let tied =
        values.windows(2).any(|pair| pair[0] - pair[1] <= TIE) || values.iter().any(|value| *value <= TIE);
    if tied && range > NARROW {
        return undefined(
            "canonical correlations coincide within 1e-10, so their directions and weights are arbitrary",
        );
    }
    let total: f64 = weights.iter().sum();
    if total <= 0.0 {
        return undefined("no canonical direction has a weight");
    }
    Ok(values.iter().zip(weights).map(|(value, weight)| value * weight).sum::<f64>() / total)
}
