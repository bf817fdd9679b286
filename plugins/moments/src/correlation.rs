//! How strongly the dimensions depend on each other.

use isoscope_plugin_sdk::prelude::*;

use crate::{dim_std::constant_dims, undefined::FEW_ROWS};

/// The mean absolute correlation over pairs of dimensions.
pub struct MeanAbsCorrelation;

impl MomentMetric for MeanAbsCorrelation {
    const META: OpMeta = OpMeta {
        id: "moments.mean_abs_correlation",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Moments,
        parts: &[Part::Second, Part::Shape],
        outputs: &[Output::scalar("moments.mean_abs_correlation")
            .range("[0, 1]")
            .better(Better::Lower)
            .invariant(&[Invariance::Translation, Invariance::Scale, Invariance::Permutation])],
        doc: "Mean of the absolute Pearson correlation over all pairs of dimensions; constant dimensions are left out.",
        formula: "\\frac{2}{d (d - 1)} \\sum_{j < k} |S_{jk}| / \\sqrt{S_{jj} S_{kk}}",
        reference: "Zhou et al. 2021 (IsoBN, AAAI)",
        ..OpMeta::DEFAULT
    };
    type Params = NoParams;

    fn open(_: NoParams) -> Result<Self> {
        Ok(Self)
    }

    fn measure(&self, m: &Moments<'_>, out: &mut Out<'_>) -> Result<()> {
        const ID: &str = "moments.mean_abs_correlation";
        if m.n() < 2 {
            return out.null(ID, FEW_ROWS);
        }
        let scatter = m.scatter();
        let constant = constant_dims(&m.shape()?);
        let kept: Vec<usize> = (0..m.cols()).filter(|j| !constant[*j] && scatter[[*j, *j]] > 0.0).collect();
        if kept.len() < 2 {
            return out.null(ID, "fewer than 2 dimensions vary");
        }
        let inverse_std: Vec<f64> = kept.iter().map(|j| scatter[[*j, *j]].sqrt().recip()).collect();
        let mut sum = 0.0;
        for (a, j) in kept.iter().enumerate() {
            for (b, k) in kept.iter().enumerate().skip(a + 1) {
                sum += (scatter[[*j, *k]] * inverse_std[a] * inverse_std[b]).abs();
            }
        }
        let pairs = kept.len() as f64 * (kept.len() - 1) as f64 / 2.0;
        out.value(ID, (sum / pairs).min(1.0))
    }
}
