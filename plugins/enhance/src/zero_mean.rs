//! Subtracts the mean.

use isoscope_plugin_sdk::prelude::*;

use crate::affine::{check_width, require_rows};

/// Moves the mean of the rows to the origin.
pub struct ZeroMean;

/// The fitted mean.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct MeanModel {
    mean: Vec<f64>,
}

impl Enhancement for ZeroMean {
    const META: OpMeta = OpMeta {
        id: "zero_mean",
        kind: Kind::Enhancement,
        version: 1,
        needs: Needs::Moments,
        parts: &[Part::Second],
        affine: true,
        doc: "Subtracts the mean of the fitted rows.",
        formula: "y = x - \\mu",
        reference: "Mu & Viswanath 2018 (ICLR), step 1",
        ..OpMeta::DEFAULT
    };
    type Params = NoParams;
    type Model = MeanModel;

    fn open(_: NoParams) -> Result<Self> {
        Ok(Self)
    }

    fn fit(&self, m: &Moments<'_>) -> Result<MeanModel> {
        require_rows(m, 1)?;
        Ok(MeanModel { mean: m.mean().to_vec() })
    }

    fn apply(&self, model: &MeanModel, batch: &Batch<'_>, mut out: ArrayViewMut2<'_, f64>) -> Result<()> {
        check_width(batch, model.mean.len())?;
        out.assign(&batch.rows());
        out -= &ArrayView1::from(&model.mean[..]);
        Ok(())
    }

    fn affine(&self, model: &MeanModel) -> Result<Option<Affine>> {
        let mean = ArrayView1::from(&model.mean[..]);
        Ok(Some(Affine { a: Array2::eye(mean.len()), c: -&mean }))
    }
}
