//! Sets the dimensions of the largest mean to zero.

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
    /// Dimensions that become 0, in descending order of the magnitude of their mean.
    dims: Vec<usize>,
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
        let cols = m.cols();
        let k = usize::try_from(self.dims).unwrap_or(usize::MAX);
        if k >= cols {
            return Err(Error::invalid(format!(
                "dims: {k} of {cols} dimensions cannot be dropped; take fewer"
            )));
        }
        let mean = m.mean();
        let mut dims: Vec<usize> = (0..cols).collect();
        dims.sort_by(|a, b| mean[*b].abs().total_cmp(&mean[*a].abs()));
        dims.truncate(k);
        Ok(DropDimsModel { cols, dims })
    }

    fn apply(&self, model: &DropDimsModel, batch: &Batch<'_>, mut out: ArrayViewMut2<'_, f64>) -> Result<()> {
        check_width(batch, model.cols)?;
        out.assign(&batch.rows());
        for j in &model.dims {
            out.column_mut(*j).fill(0.0);
        }
        Ok(())
    }

    fn affine(&self, model: &DropDimsModel) -> Result<Option<Affine>> {
        let mut a = Array2::eye(model.cols);
        for j in &model.dims {
            a[[*j, *j]] = 0.0;
        }
        Ok(Some(Affine { a, c: Array1::zeros(model.cols) }))
    }
}
