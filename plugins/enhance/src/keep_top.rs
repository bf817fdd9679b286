//! Keeps the leading principal directions alone: the complement of "all but the top".

use isoscope_plugin_sdk::prelude::*;

use crate::{
    affine::{check_width, require_linalg, times},
    principal::Principal,
};

params! {
    /// Parameters of the restriction to leading principal directions.
    pub struct KeepTopParams {
        /// Number of leading principal directions to keep; capped at the numerical rank of the fitted rows.
        components: u64 = 3, aliases ["k", "D"];
    }
}

/// The fitted mean and the directions to keep.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct KeepTopModel {
    mean: Vec<f64>,
    components: usize,
    /// Directions, one after the other, `components` of the width of the mean.
    directions: Vec<f64>,
}

impl KeepTopModel {
    fn directions(&self) -> Result<ArrayView2<'_, f64>> {
        ArrayView2::from_shape((self.components, self.mean.len()), &self.directions)
            .map_err(|_| Error::invalid("the fitted directions do not have the size of the mean"))
    }
}

/// Projects the centred rows on their leading principal directions.
pub struct KeepTop {
    components: u64,
    linalg: Option<Linalg>,
}

impl Enhancement for KeepTop {
    const META: OpMeta = OpMeta {
        id: "keep_top",
        kind: Kind::Enhancement,
        version: 1,
        needs: Needs::Moments,
        parts: &[Part::Second],
        affine: true,
        doc: "Subtracts the mean and keeps only the leading principal directions of the centred rows: what abtt with the \
              same number removes, in the same axes and width. It shows what the elongated directions alone carry.",
        formula: "y = U_D^\\top U_D \\tilde x, \\quad \\tilde x = x - \\mu",
        reference: "complement of Mu & Viswanath 2018 (ICLR); Rajaee & Pilehvar 2021 (EMNLP Findings), elongated directions",
        ..OpMeta::DEFAULT
    };
    type Params = KeepTopParams;
    type Model = KeepTopModel;

    fn open(params: KeepTopParams) -> Result<Self> {
        if params.components == 0 {
            return Err(Error::invalid("components: at least one direction must be kept"));
        }
        Ok(Self { components: params.components, linalg: None })
    }

    fn with_linalg(self, linalg: Linalg) -> Self {
        Self { linalg: Some(linalg), ..self }
    }

    fn fit(&self, m: &Moments<'_>) -> Result<KeepTopModel> {
        let principal = Principal::of(m)?;
        if principal.rank == 0 {
            return Err(Error::failed("every row is equal, so there is no direction to keep"));
        }
        let components = usize::try_from(self.components).unwrap_or(usize::MAX).min(principal.rank);
        let directions = principal.leading(components).iter().copied().collect();
        Ok(KeepTopModel { mean: m.mean().to_vec(), components, directions })
    }

    fn apply(&self, model: &KeepTopModel, batch: &Batch<'_>, out: ArrayViewMut2<'_, f64>) -> Result<()> {
        check_width(batch, model.mean.len())?;
        let (linalg, directions) = (require_linalg(self.linalg)?, model.directions()?);
        let centred = &batch.rows() - &ArrayView1::from(&model.mean[..]);
        let projections = linalg.matmul(centred.view(), directions.t())?;
        linalg.matmul_into(projections.view(), directions, out)
    }

    fn affine(&self, model: &KeepTopModel) -> Result<Option<Affine>> {
        let directions = model.directions()?;
        let a = require_linalg(self.linalg)?.matmul(directions.t(), directions)?;
        let c = -times(&a.view(), &model.mean);
        Ok(Some(Affine { a, c }))
    }
}
