//! Subtracts the mean and divides by the standard deviation of every dimension.

use isoscope_plugin_sdk::prelude::*;

use crate::affine::{check_width, require_rows};

/// Scatter of a dimension, relative to its energy or to the largest scatter, up to which the dimension is constant: the
/// square of the rounding error of a mean in double precision, with room to spare.
const CONSTANT: f64 = 1e-26;

/// Gives every dimension mean 0 and variance 1.
pub struct Standardize;

/// The fitted mean and the reciprocals of the standard deviations.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct StandardizeModel {
    mean: Vec<f64>,
    inverse_std: Vec<f64>,
}

impl Enhancement for Standardize {
    const META: OpMeta = OpMeta {
        id: "standardize",
        kind: Kind::Enhancement,
        version: 1,
        needs: Needs::Moments,
        parts: &[Part::Second],
        affine: true,
        doc: "Subtracts the mean and divides every dimension by its standard deviation (divisor n). A constant dimension \
              is divided by 1, so it becomes 0.",
        formula: "y_j = (x_j - \\mu_j) / \\sigma_j",
        reference: "Timkey & van Schijndel 2021 (EMNLP), section 5",
        ..OpMeta::DEFAULT
    };
    type Params = NoParams;
    type Model = StandardizeModel;

    fn open(_: NoParams) -> Result<Self> {
        Ok(Self)
    }

    fn fit(&self, m: &Moments<'_>) -> Result<StandardizeModel> {
        require_rows(m, 1)?;
        let n = m.n() as f64;
        let mean = m.mean().to_vec();
        let scatter = m.scatter().diag().to_vec();
        let largest = scatter.iter().copied().fold(0.0, f64::max);
        let inverse_std = scatter
            .iter()
            .zip(&mean)
            .map(|(s, mu)| if *s <= CONSTANT * (n * mu * mu + largest) { 1.0 } else { (n / s).sqrt() })
            .collect();
        Ok(StandardizeModel { mean, inverse_std })
    }

    fn apply(
        &self,
        model: &StandardizeModel,
        batch: &Batch<'_>,
        mut out: ArrayViewMut2<'_, f64>,
    ) -> Result<()> {
        check_width(batch, model.mean.len())?;
        out.assign(&batch.rows());
        out -= &ArrayView1::from(&model.mean[..]);
        out *= &ArrayView1::from(&model.inverse_std[..]);
        Ok(())
    }

    fn affine(&self, model: &StandardizeModel) -> Result<Option<Affine>> {
        let mean = ArrayView1::from(&model.mean[..]);
        let scale = ArrayView1::from(&model.inverse_std[..]);
        Ok(Some(Affine { a: Array2::from_diag(&scale), c: -(&mean * &scale) }))
    }
}
