//! Sets rogue dimensions to zero: those of the largest mean, or those that contribute most to the mean cosine.

use isoscope_plugin_sdk::prelude::*;

use crate::affine::{check_width, require_rows};

params! {
    /// Parameters of the removal of dimensions.
    pub struct DropDimsParams {
        /// Number of dimensions to set to zero.
        dims: u64 = 3, aliases ["k", "components"];
    }
}

/// The fitted dimensions.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct DropDimsModel {
    cols: usize,
    /// Dimensions that become 0, the most rogue first.
    dims: Vec<usize>,
}

impl DropDimsModel {
    /// Takes the `dims` dimensions of the largest rank; of equal ones the first.
    fn largest(dims: u64, rank: &[f64]) -> Result<Self> {
        let cols = rank.len();
        let k = usize::try_from(dims).unwrap_or(usize::MAX);
        if k >= cols {
            return Err(Error::failed(format!(
                "dims: {k} of {cols} dimensions cannot be dropped; take fewer"
            )));
        }
        let mut dims: Vec<usize> = (0..cols).collect();
        dims.sort_by(|a, b| rank[*b].total_cmp(&rank[*a]));
        dims.truncate(k);
        Ok(Self { cols, dims })
    }

    fn apply(&self, batch: &Batch<'_>, mut out: ArrayViewMut2<'_, f64>) -> Result<()> {
        check_width(batch, self.cols)?;
        out.assign(&batch.rows());
        for j in &self.dims {
            out.column_mut(*j).fill(0.0);
        }
        Ok(())
    }

    fn affine(&self) -> Affine {
        let mut a = Array2::eye(self.cols);
        for j in &self.dims {
            a[[*j, *j]] = 0.0;
        }
        Affine { a, c: Array1::zeros(self.cols) }
    }
}

/// Sets the dimensions whose mean is largest in magnitude to zero.
pub struct DropDims {
    dims: u64,
}

impl Enhancement for DropDims {
    const META: OpMeta = OpMeta {
        id: "drop_dims",
        kind: Kind::Enhancement,
        version: 1,
        needs: Needs::Moments,
        parts: &[Part::Second],
        affine: true,
        doc: "Sets the dimensions whose mean is largest in magnitude to 0; of equal ones the first. The width stays.",
        formula: "y_j = 0 \\text{ for the } k \\text{ largest } |\\mu_j|, \\text{ else } x_j",
        reference: "Timkey & van Schijndel 2021 (EMNLP), removal of rogue dimensions",
        ..OpMeta::DEFAULT
    };
    type Params = DropDimsParams;
    type Model = DropDimsModel;

    fn open(params: DropDimsParams) -> Result<Self> {
        Ok(Self { dims: params.dims })
    }

    fn fit(&self, m: &Moments<'_>) -> Result<DropDimsModel> {
        require_rows(m, 1)?;
        let rank: Vec<f64> = m.mean().iter().map(|mean| mean.abs()).collect();
        DropDimsModel::largest(self.dims, &rank)
    }

    fn apply(&self, model: &DropDimsModel, batch: &Batch<'_>, out: ArrayViewMut2<'_, f64>) -> Result<()> {
        model.apply(batch, out)
    }

    fn affine(&self, model: &DropDimsModel) -> Result<Option<Affine>> {
        Ok(Some(model.affine()))
    }
}

/// Sets the dimensions that contribute most to the mean cosine to zero.
pub struct DropCosineDims {
    dims: u64,
}

impl Enhancement for DropCosineDims {
    const META: OpMeta = OpMeta {
        id: "drop_cosine_dims",
        kind: Kind::Enhancement,
        version: 1,
        needs: Needs::Moments,
        parts: &[Part::Second, Part::Direction],
        affine: true,
        doc: "Sets the dimensions of the largest contribution to the mean cosine over all pairs of rows to 0; of equal ones \
              the first. The contributions are those of angular.cos_contribution. The width stays.",
        formula: "y_j = 0 \\text{ for the } k \\text{ largest } CC_j = \\frac{s_j^2 - \\sum_i \\hat u_{ij}^2}{m (m - 1)}, \
                  \\text{ else } x_j",
        reference: "Timkey & van Schijndel 2021 (EMNLP), eq. 3, over all pairs in closed form",
        ..OpMeta::DEFAULT
    };
    type Params = DropDimsParams;
    type Model = DropDimsModel;

    fn open(params: DropDimsParams) -> Result<Self> {
        Ok(Self { dims: params.dims })
    }

    fn fit(&self, m: &Moments<'_>) -> Result<DropDimsModel> {
        let direction = m.direction()?;
        if m.n().saturating_sub(direction.zero_rows) < 2 {
            return Err(Error::failed("fewer than 2 rows have a direction, so there is no cosine"));
        }
        // The divisor m (m - 1) is the same for all dimensions.
        let per_dimension = direction.unit_sum.iter().zip(direction.unit_square_sum.iter());
        let rank: Vec<f64> = per_dimension.map(|(sum, squares)| sum * sum - squares).collect();
        DropDimsModel::largest(self.dims, &rank)
    }

    fn apply(&self, model: &DropDimsModel, batch: &Batch<'_>, out: ArrayViewMut2<'_, f64>) -> Result<()> {
        model.apply(batch, out)
    }

    fn affine(&self, model: &DropDimsModel) -> Result<Option<Affine>> {
        Ok(Some(model.affine()))
    }
}
