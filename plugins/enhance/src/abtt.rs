//! "All but the top": removes the mean and the leading principal directions.

use isoscope_plugin_sdk::prelude::*;
use ndarray::Zip;

use crate::{
    affine::{check_width, require_linalg, times},
    principal::Principal,
};

params! {
    /// Parameters of the removal of leading principal directions.
    pub struct AbttParams {
        /// Number of leading principal directions to remove; fewer than the rows vary along.
        components: u64 = 3, aliases ["k", "D"];
    }
}

/// The fitted mean and the directions to remove.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct AbttModel {
    mean: Vec<f64>,
    components: usize,
    /// Directions, one after the other, `components` of the width of the mean.
    directions: Vec<f64>,
}

impl AbttModel {
    /// Takes the leading directions of the moments.
    fn fit(components: u64, m: &Moments<'_>) -> Result<Self> {
        let principal = Principal::of(m)?;
        let k = usize::try_from(components).unwrap_or(usize::MAX);
        // What is left of directions that the rows do not vary along is rounding noise, and would pass for a cloud.
        if k >= principal.rank {
            return Err(Error::failed(format!(
                "components: removing {components} directions leaves nothing, because the rows vary along {} of {} dimensions; take fewer",
                principal.rank,
                m.cols()
            )));
        }
        let directions = principal.leading(k).iter().copied().collect();
        Ok(Self { mean: m.mean().to_vec(), components: k, directions })
    }

    fn directions(&self) -> Result<ArrayView2<'_, f64>> {
        ArrayView2::from_shape((self.components, self.mean.len()), &self.directions)
            .map_err(|_| Error::invalid("the fitted directions do not have the size of the mean"))
    }

    /// Writes the rows minus the mean minus their projections, taken of the centred rows or of the rows as they are.
    fn apply(
        &self,
        linalg: Option<Linalg>,
        projected: Projected,
        batch: &Batch<'_>,
        mut out: ArrayViewMut2<'_, f64>,
    ) -> Result<()> {
        check_width(batch, self.mean.len())?;
        let (linalg, directions) = (require_linalg(linalg)?, self.directions()?);
        let rows = batch.rows();
        let mean = ArrayView1::from(&self.mean[..]);
        Zip::from(&mut out).and(&rows).and_broadcast(&mean).for_each(|y, x, mean| *y = x - mean);
        let projections = match projected {
            Projected::Centred => linalg.matmul(out.view(), directions.t())?,
            Projected::AsGiven => linalg.matmul(rows, directions.t())?,
        };
        linalg.general_matmul(-1.0, projections.view(), directions, 1.0, out)
    }

    /// Returns the projector onto the complement of the removed directions.
    fn complement(&self, linalg: Option<Linalg>) -> Result<Array2<f64>> {
        let directions = self.directions()?;
        Ok(Array2::eye(self.mean.len()) - require_linalg(linalg)?.matmul(directions.t(), directions)?)
    }
}

/// Which rows the removed projections are taken of.
#[derive(Clone, Copy)]
enum Projected {
    Centred,
    AsGiven,
}

/// Removes the leading principal directions from the centred rows.
pub struct Abtt {
    components: u64,
    linalg: Option<Linalg>,
}

impl Enhancement for Abtt {
    const META: OpMeta = OpMeta {
        id: "abtt",
        kind: Kind::Enhancement,
        version: 1,
        needs: Needs::Moments,
        parts: &[Part::Second],
        affine: true,
        doc: "Subtracts the mean, then removes the leading principal directions of the centred rows (the global approach). \
              Suggested number of directions: about d / 100; published values lie between 5 and 30.",
        formula: "y = \\tilde x - U_D^\\top U_D \\tilde x, \\quad \\tilde x = x - \\mu",
        reference: "Mu & Viswanath 2018 (ICLR); Rajaee & Pilehvar 2021 (ACL), global approach",
        ..OpMeta::DEFAULT
    };
    type Params = AbttParams;
    type Model = AbttModel;

    fn open(params: AbttParams) -> Result<Self> {
        Ok(Self { components: params.components, linalg: None })
    }

    fn with_linalg(self, linalg: Linalg) -> Self {
        Self { linalg: Some(linalg), ..self }
    }

    fn fit(&self, m: &Moments<'_>) -> Result<AbttModel> {
        AbttModel::fit(self.components, m)
    }

    fn apply(&self, model: &AbttModel, batch: &Batch<'_>, out: ArrayViewMut2<'_, f64>) -> Result<()> {
        model.apply(self.linalg, Projected::Centred, batch, out)
    }

    fn affine(&self, model: &AbttModel) -> Result<Option<Affine>> {
        let a = model.complement(self.linalg)?;
        let c = -times(&a.view(), &model.mean);
        Ok(Some(Affine { a, c }))
    }
}

/// Removes the projections of the rows as they are: the algorithm as it is printed.
pub struct AbttLiteral {
    components: u64,
    linalg: Option<Linalg>,
}

impl Enhancement for AbttLiteral {
    const META: OpMeta = OpMeta {
        id: "abtt_literal",
        kind: Kind::Enhancement,
        version: 1,
        needs: Needs::Moments,
        parts: &[Part::Second],
        affine: true,
        doc: "As abtt, but the projections that are subtracted are those of the uncentred rows, as the published algorithm \
              prints it. It leaves the constant -U_D^T U_D mu in every row, which hurts when the mean is large.",
        formula: "y = x - \\mu - U_D^\\top U_D x",
        reference: "Mu & Viswanath 2018 (ICLR), algorithm 1 as printed",
        ..OpMeta::DEFAULT
    };
    type Params = AbttParams;
    type Model = AbttModel;

    fn open(params: AbttParams) -> Result<Self> {
        Ok(Self { components: params.components, linalg: None })
    }

    fn with_linalg(self, linalg: Linalg) -> Self {
        Self { linalg: Some(linalg), ..self }
    }

    fn fit(&self, m: &Moments<'_>) -> Result<AbttModel> {
        AbttModel::fit(self.components, m)
    }

    fn apply(&self, model: &AbttModel, batch: &Batch<'_>, out: ArrayViewMut2<'_, f64>) -> Result<()> {
        model.apply(self.linalg, Projected::AsGiven, batch, out)
    }

    fn affine(&self, model: &AbttModel) -> Result<Option<Affine>> {
        Ok(Some(Affine { a: model.complement(self.linalg)?, c: -&ArrayView1::from(&model.mean[..]) }))
    }
}
