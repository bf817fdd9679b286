//! Representational similarity analysis: do two clouds agree on which pairs of rows are alike?

use isoscope_plugin_sdk::prelude::*;
use ndarray::Axis;

use crate::{
    pair_distances::{distances, inner_products},
    rank_correlation::{pearson, spearman},
    rows::{nonzero_in_both, unit_rows},
    value::{Value, at_least, write},
};

params! {
    /// Parameters of representational similarity analysis.
    pub struct RsaParams {
        /// Most rows of the sample; time and memory grow with its square.
        rows: u64 = 2000;
    }
}

/// Agreement of two clouds on the similarities of all pairs of rows.
pub struct Rsa {
    linalg: Linalg,
}

impl SampleMetric for Rsa {
    const META: OpMeta = OpMeta {
        id: "compare.rsa",
        kind: Kind::Comparison,
        version: 1,
        needs: Needs::Sample,
        views: 2,
        outputs: &[
            Output::scalar("compare.rsa_corr_spearman")
                .range("[-1, 1]")
                .better(Better::Higher)
                .invariant(&[Invariance::Scale, Invariance::Permutation]),
            Output::scalar("compare.rsa_cos_pearson").range("[-1, 1]").better(Better::Higher).invariant(&[
                Invariance::Rotation,
                Invariance::Scale,
                Invariance::Permutation,
            ]),
            Output::scalar("compare.rsa_euclid_spearman").range("[-1, 1]").better(Better::Higher).invariant(
                &[Invariance::Rotation, Invariance::Translation, Invariance::Scale, Invariance::Permutation],
            ),
            Output::scalar("compare.rsm_norm_diff")
                .unit("length of rows")
                .range("[0, inf)")
                .better(Better::Lower)
                .invariant(&[Invariance::Rotation, Invariance::Translation, Invariance::Permutation]),
            Output::scalar("compare.rsa_corr_dropped_rows")
                .unit("rows")
                .range("[0, inf)")
                .better(Better::Lower)
                .invariant(&[Invariance::Scale, Invariance::Permutation]),
            Output::scalar("compare.rsa_cos_dropped_rows")
                .unit("rows")
                .range("[0, inf)")
                .better(Better::Lower)
                .invariant(&[Invariance::Rotation, Invariance::Scale, Invariance::Permutation]),
        ],
        doc: "Correlation between the (dis)similarities of all pairs of rows in A and in B, on a sample: Spearman of the \
              correlations of rows across their dimensions (the common default of representational similarity \
              analysis), Pearson of their cosines, Spearman of their Euclidean distances; equal values share their \
              average rank. rsm_norm_diff is the root of the summed squared differences of the Euclidean distances over \
              i < j. Rows that are constant across their dimensions (corr) or zero (cos) in either cloud are dropped and \
              counted. Memory: about 40 bytes a pair, 80 MB at 2000 rows.",
        formula: "\\mathrm{corr}_{i<j}\\,(s(a_i, a_j),\\ s(b_i, b_j)), \\quad \\Big(\\sum_{i<j} (\\|a_i - a_j\\| - \
                  \\|b_i - b_j\\|)^2\\Big)^{1/2}",
        reference: "Kriegeskorte et al. 2008 (RSA); Klabunde et al. 2023, section 3.3 (survey, RSM norm difference; ReSi \
                    takes the spectral norm of the square matrix instead)",
        ..OpMeta::DEFAULT
    };
    type Params = RsaParams;

    fn open(_: RsaParams, _: &Input, linalg: Linalg) -> Result<Self> {
        Ok(Self { linalg })
    }

    fn measure(&self, sample: &Sample, out: &mut Out<'_>) -> Result<()> {
        let (a, b) = (sample.view(0), sample.view(1));
        let n = sample.len() as u64;

        let (deviations_a, deviations_b) = (deviations(a), deviations(b));
        let kept = nonzero_in_both(deviations_a.view(), deviations_b.view());
        let corr = self.of_directions(&kept, [deviations_a.view(), deviations_b.view()], spearman)?;
        write(out, "compare.rsa_corr_spearman", &corr)?;
        out.value("compare.rsa_corr_dropped_rows", (n - kept.len() as u64) as f64)?;

        let kept = nonzero_in_both(a, b);
        write(out, "compare.rsa_cos_pearson", &self.of_directions(&kept, [a, b], pearson)?)?;
        out.value("compare.rsa_cos_dropped_rows", (n - kept.len() as u64) as f64)?;

        let (euclid_a, euclid_b) = (distances(self.linalg, a)?, distances(self.linalg, b)?);
        let euclid = at_least(3, n).and_then(|()| spearman(&euclid_a, &euclid_b));
        write(out, "compare.rsa_euclid_spearman", &euclid)?;
        let squares = || euclid_a.iter().zip(&euclid_b).map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
        write(out, "compare.rsm_norm_diff", &at_least(2, n).map(|()| squares().sqrt()))
    }
}

impl Rsa {
    /// Correlates the inner products of unit rows.
    fn of_directions(
        &self,
        kept: &[usize],
        views: [ArrayView2<'_, f64>; 2],
        correlation: fn(&[f64], &[f64]) -> Value,
    ) -> Result<Value> {
        if let Err(reason) = at_least(3, kept.len() as u64) {
            return Ok(Err(format!("{reason} that have a direction in both clouds")));
        }
        let [a, b] = views.map(|view| inner_products(self.linalg, unit_rows(view, kept).view()));
        Ok(correlation(&a?, &b?))
    }
}

/// Takes from every row (n×d) its mean over the dimensions; a row that is constant becomes exactly zero.
fn deviations(x: ArrayView2<'_, f64>) -> Array2<f64> {
    let mut deviations = x.to_owned();
    for mut row in deviations.axis_iter_mut(Axis(0)) {
        let first = row.first().copied().unwrap_or(0.0);
        row -= first;
        let mean = row.sum() / row.len().max(1) as f64;
        row -= mean;
    }
    deviations
}
