//! Outlier ("rogue") dimensions, by mean and by variance.

use isoscope_plugin_sdk::prelude::*;

use crate::undefined::{FEW_ROWS, second_order};

/// How many standard deviations of all entries a dimension's mean must lie from the grand mean.
const SIGMAS: f64 = 3.0;

/// How many times the mean variance a dimension's variance must reach.
const TIMES: f64 = 5.0;

/// The dimensions whose mean lies far from the mean of all entries.
pub struct OutlierDims3Sigma;

impl MomentMetric for OutlierDims3Sigma {
    const META: OpMeta = OpMeta {
        id: "moments.outlier_dims_3sigma",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Moments,
        parts: &[Part::Second],
        outputs: &[Output::vector("moments.outlier_dims_3sigma")
            .unit("dimension")
            .range("0..d")
            .invariant(&[Invariance::Scale, Invariance::Permutation])],
        doc: "Indices, from 0, of the dimensions whose mean differs from the mean of all n d entries by more than three \
              standard deviations (divisor n d) of all entries.",
        formula: "\\{j : |\\mu_j - \\bar g| > 3 \\sigma_g\\}",
        reference: "Rajaee & Pilehvar 2022 (multilingual isotropy, Findings of ACL), figures",
        ..OpMeta::DEFAULT
    };
    type Params = NoParams;

    fn open(_: NoParams) -> Result<Self> {
        Ok(Self)
    }

    fn measure(&self, m: &Moments<'_>, out: &mut Out<'_>) -> Result<()> {
        const ID: &str = "moments.outlier_dims_3sigma";
        if m.n() < 2 || m.cols() == 0 {
            return out.null_series(ID, FEW_ROWS);
        }
        let (n, d) = (m.n() as f64, m.cols() as f64);
        let mean = m.mean();
        let grand = mean.sum() / d;
        let between = mean.iter().map(|v| (v - grand) * (v - grand)).sum::<f64>();
        let sigma = ((m.scatter().diag().sum() / n + between) / d).sqrt();
        out.series(ID, &indices(mean.iter().map(|v| (v - grand).abs() > SIGMAS * sigma)))
    }
}

/// The dimensions whose variance is many times the mean variance.
pub struct OutlierDimsVar5x;

impl MomentMetric for OutlierDimsVar5x {
    const META: OpMeta = OpMeta {
        id: "moments.outlier_dims_var5x",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Moments,
        parts: &[Part::Second],
        outputs: &[Output::vector("moments.outlier_dims_var5x")
            .unit("dimension")
            .range("0..d")
            .invariant(&[Invariance::Translation, Invariance::Scale, Invariance::Permutation])],
        doc: "Indices, from 0, of the dimensions whose variance is at least five times the mean variance.",
        formula: "\\{j : S_{jj} \\ge 5 \\, \\mathrm{tr}(S) / d\\}",
        reference: "Rudman et al. 2023 (outlier dimensions, EMNLP)",
        ..OpMeta::DEFAULT
    };
    type Params = NoParams;

    fn open(_: NoParams) -> Result<Self> {
        Ok(Self)
    }

    fn measure(&self, m: &Moments<'_>, out: &mut Out<'_>) -> Result<()> {
        const ID: &str = "moments.outlier_dims_var5x";
        if let Some(reason) = second_order(m) {
            return out.null_series(ID, reason);
        }
        let scatter = m.scatter();
        let threshold = TIMES * scatter.diag().sum() / m.cols() as f64;
        out.series(ID, &indices(scatter.diag().iter().map(|s| *s >= threshold)))
    }
}

/// Lists the positions of the true values.
fn indices(flags: impl Iterator<Item = bool>) -> Vec<f64> {
    flags.enumerate().filter(|(_, flag)| *flag).map(|(j, _)| j as f64).collect()
}
