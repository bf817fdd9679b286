//! Do two clouds agree on the nearest neighbours of every row?

use isoscope_plugin_sdk::prelude::*;

use crate::{
    rows::{inner, nonzero_in_both, unit_rows},
    top_k::{nearest, rounded},
    value::{Value, undefined, write},
};

const KEPT: &[Invariance] = &[Invariance::Rotation, Invariance::Scale, Invariance::Permutation];

params! {
    /// Parameters of the comparison of neighbours.
    pub struct NeighboursParams {
        /// Number of neighbours of a row.
        k: u64 = 10;
        /// Most rows of the sample; time grows with its square.
        rows: u64 = 5000;
    }
}

/// Overlap of the k nearest neighbours by cosine.
pub struct Neighbours {
    linalg: Linalg,
    k: usize,
}

impl SampleMetric for Neighbours {
    const META: OpMeta = OpMeta {
        id: "compare.neighbours",
        kind: Kind::Comparison,
        version: 1,
        needs: Needs::Sample,
        views: 2,
        outputs: &[
            Output::scalar("compare.mutual_knn_cos_k*")
                .range("[0, 1]")
                .better(Better::Higher)
                .invariant(KEPT),
            Output::scalar("compare.mutual_knn_ip_normalized_k*")
                .range("[0, 1]")
                .better(Better::Higher)
                .invariant(KEPT),
            Output::scalar("compare.jaccard_knn_cos_k*")
                .range("[0, 1]")
                .better(Better::Higher)
                .invariant(KEPT),
            Output::scalar("compare.second_order_cos_k*")
                .range("[0, 1]")
                .better(Better::Higher)
                .invariant(KEPT),
            Output::scalar("compare.second_order_skipped_rows")
                .unit("rows")
                .range("[0, inf)")
                .better(Better::Lower)
                .invariant(KEPT),
            Output::scalar("compare.neighbours_tied_rows")
                .unit("rows")
                .range("[0, inf)")
                .better(Better::Lower)
                .invariant(KEPT),
            Output::scalar("compare.neighbours_dropped_rows")
                .unit("rows")
                .range("[0, inf)")
                .better(Better::Lower)
                .invariant(KEPT),
        ],
        doc: "Agreement of A and B on the k nearest neighbours of a row by cosine, itself left out, mean over a sample. \
              mutual_knn is the share of common neighbours (mutual_knn_ip_normalized is the same value under the name of \
              the inner product of normalised rows), jaccard_knn their share of the union. second_order_cos is the cosine \
              between the distances 1 - cos from the row to all rows of that union in A and in B; rows that coincide \
              with all of them are skipped and counted. Chance level of mutual_knn is k / (n - 1), so values of samples \
              of other sizes do not compare. Rows that are zero in either cloud are dropped and counted. Cosines are \
              compared to 12 digits, and of equal ones the row of lower id is nearer, in A as in B: many \
              neighbours_tied_rows, as duplicates make them, feign agreement. Also invariant when one cloud \
              alone is rotated or scaled.",
        formula: "\\frac1n \\sum_i \\frac{|N_A(i) \\cap N_B(i)|}{k}, \\quad \\frac1n \\sum_i \\frac{|N_A(i) \\cap N_B(i)|}\
                  {|N_A(i) \\cup N_B(i)|}, \\quad \\frac1n \\sum_i \\cos(\\delta^A_i, \\delta^B_i)",
        reference: "Huh et al. 2024, section 3 (mutual k-nearest neighbours); Wang et al. 2022 (Jaccard, second-order \
                    cosine; ReSi drops the first neighbour as the row itself, which is wrong for duplicates)",
        ..OpMeta::DEFAULT
    };
    type Params = NeighboursParams;

    fn open(params: NeighboursParams, _: &Input, linalg: Linalg) -> Result<Self> {
        if params.k == 0 {
            return Err(Error::invalid("k: a row needs at least one neighbour"));
        }
        Ok(Self { linalg, k: usize::try_from(params.k).unwrap_or(usize::MAX) })
    }

    fn measure(&self, sample: &Sample, out: &mut Out<'_>) -> Result<()> {
        let (a, b) = (sample.view(0), sample.view(1));
        let kept = nonzero_in_both(a, b);
        out.value("compare.neighbours_dropped_rows", (sample.len() - kept.len()) as f64)?;
        // With k = n − 1 every other row is a neighbour, whatever the clouds are.
        let [mutual, jaccard, second, skipped, tied] = if kept.len() < self.k.saturating_add(2) {
            let reason = format!("{} non-zero rows are too few for {} neighbours", kept.len(), self.k);
            [(); 5].map(|()| undefined(reason.clone()))
        } else {
            self.compare(&unit_rows(a, &kept), &unit_rows(b, &kept))?
        };
        let k = self.k;
        write(out, &format!("compare.mutual_knn_cos_k{k}"), &mutual)?;
        write(out, &format!("compare.mutual_knn_ip_normalized_k{k}"), &mutual)?;
        write(out, &format!("compare.jaccard_knn_cos_k{k}"), &jaccard)?;
        write(out, &format!("compare.second_order_cos_k{k}"), &second)?;
        write(out, "compare.second_order_skipped_rows", &skipped)?;
        write(out, "compare.neighbours_tied_rows", &tied)
    }
}

impl Neighbours {
    /// Computes the mutual share, the Jaccard index, the second-order cosine and the rows that it skips, and
    /// the rows with ties, of unit rows.
    fn compare(&self, a: &Array2<f64>, b: &Array2<f64>) -> Result<[Value; 5]> {
        let near_a = nearest(self.linalg, a.view(), self.k)?;
        let near_b = nearest(self.linalg, b.view(), self.k)?;
        let n = a.nrows() as f64;
        let tied = near_a.tied.iter().zip(&near_b.tied).filter(|(a, b)| **a || **b).count();
        let (mut mutual, mut jaccard, mut second, mut skipped) = (0.0, 0.0, 0.0, 0.0);
        for (i, (near_a, near_b)) in near_a.rows.iter().zip(&near_b.rows).enumerate() {
            let mut union: Vec<usize> = near_a.iter().chain(near_b).copied().collect();
            union.sort_unstable();
            union.dedup();
            let common = (near_a.len() + near_b.len() - union.len()) as f64;
            mutual += common / self.k as f64;
            jaccard += common / union.len() as f64;
            match profile_cosine(&profile(a, i, &union), &profile(b, i, &union)) {
                Some(cosine) => second += cosine,
                None => skipped += 1.0,
            }
        }
        let second = if skipped < n {
            Ok(second / (n - skipped))
        } else {
            undefined("every row coincides with its neighbours")
        };
        Ok([Ok(mutual / n), Ok(jaccard / n), second, Ok(skipped), Ok(tied as f64)])
    }
}

/// Lists the distances 1 − cos from a unit row to some others.
fn profile(unit: &Array2<f64>, i: usize, others: &[usize]) -> Vec<f64> {
    let cosine = |j: usize| unit.row(i).iter().zip(unit.row(j)).map(|(a, b)| a * b).sum::<f64>();
    others.iter().map(|&j| (1.0 - rounded(cosine(j))).max(0.0)).collect()
}

/// Computes the cosine of two profiles; `None` when one is zero.
fn profile_cosine(a: &[f64], b: &[f64]) -> Option<f64> {
    let norms = inner(a, a).sqrt() * inner(b, b).sqrt();
    (norms > 0.0).then(|| (inner(a, b) / norms).clamp(-1.0, 1.0))
}
