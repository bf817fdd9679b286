//! How heavy the tails of the dimensions are.

use isoscope_plugin_sdk::prelude::*;

use crate::{dim_std::constant_dims, undefined::FEW_ROWS};

/// The mean excess kurtosis of the dimensions.
pub struct MeanExcessKurtosis;

impl MomentMetric for MeanExcessKurtosis {
    const META: OpMeta = OpMeta {
        id: "moments.mean_excess_kurtosis",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Moments,
        parts: &[Part::Second, Part::Shape],
        outputs: &[Output::scalar("moments.mean_excess_kurtosis").range("[-2, inf)").invariant(&[
            Invariance::Translation,
            Invariance::Scale,
            Invariance::Permutation,
        ])],
        doc: "Mean over the dimensions of the excess kurtosis (biased form, 0 for a normal distribution); constant \
              dimensions are left out.",
        formula: "\\frac{1}{d} \\sum_j m_{4,j} / m_{2,j}^2 - 3",
        reference: "definition; sums merge as in Pébay 2008 (SAND2008-6212)",
        ..OpMeta::DEFAULT
    };
    type Params = NoParams;

    fn open(_: NoParams) -> Result<Self> {
        Ok(Self)
    }

    fn measure(&self, m: &Moments<'_>, out: &mut Out<'_>) -> Result<()> {
        const ID: &str = "moments.mean_excess_kurtosis";
        if m.n() < 2 {
            return out.null(ID, FEW_ROWS);
        }
        let n = m.n() as f64;
        let shape = m.shape()?;
        let constant = constant_dims(&shape);
        let scatter = m.scatter();
        let excess: Vec<f64> = (0..m.cols())
            .filter(|j| !constant[*j] && scatter[[*j, *j]] > 0.0)
            .map(|j| n * shape.fourth_sum[j] / (scatter[[j, j]] * scatter[[j, j]]) - 3.0)
            .collect();
        if excess.is_empty() {
            return out.null(ID, "every dimension is constant");
        }
        out.value(ID, excess.iter().sum::<f64>() / excess.len() as f64)
    }
}
