//! Informativity of distances: what the dimensions outside the strongest ones explain of them.

use isoscope_plugin_sdk::prelude::*;

use crate::cosines::descending;
use crate::deletion::r_squared_of_deletions;
use crate::informativity::InformativityParams;
use crate::row_pairs::RowPairs;

const DISTANCE: &str = "pairs.informativity_r2_l2";

/// r² between distances with all dimensions and without the ones that differ most.
pub struct InformativityL2 {
    pairs: RowPairs,
}

impl SampleMetric for InformativityL2 {
    const META: OpMeta = OpMeta {
        id: "pairs.informativity_r2_l2",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Sample,
        outputs: &[Output::object(DISTANCE)
            .range("[0, 1]")
            .better(Better::Higher)
            .invariant(&[Invariance::Translation, Invariance::Scale])],
        doc: "Squared correlation, over sampled pairs, between the Euclidean distance in all dimensions and in those \
              without the 1, 3 or 5 of the largest mean absolute difference (parts 1, 3, 5).",
        formula: "r^2\\bigl(\\|x_i - x_j\\|,\\ \\|x_i^{-K} - x_j^{-K}\\|\\bigr), \\quad K = \\text{top } k \\text{ of } \
                  \\frac{1}{m} \\sum_{(i, j)} |x_{il} - x_{jl}|",
        reference: "Timkey & van Schijndel 2021 (EMNLP), section 3.2 and appendix",
        ..OpMeta::DEFAULT
    };
    type Params = InformativityParams;

    fn open(params: InformativityParams, input: &Input, _: Linalg) -> Result<Self> {
        Ok(Self { pairs: RowPairs::read(&params.pairs, params.draws, input.seed)? })
    }

    fn measure(&self, sample: &Sample, out: &mut Out<'_>) -> Result<()> {
        let rows = sample.rows();
        let distances = |rows: ArrayView2<'_, f64>, pairs: &[(usize, usize)]| {
            let distance = |(a, b): &(usize, usize)| {
                let differences = rows.row(*a).into_iter().zip(rows.row(*b)).map(|(a, b)| a - b);
                Some(differences.map(|x| x * x).sum::<f64>().sqrt())
            };
            pairs.iter().map(distance).collect()
        };
        let ranking = |pairs: &[(usize, usize)]| {
            let mut sums = vec![0.0; rows.ncols()];
            for (a, b) in pairs {
                let differences = rows.row(*a).into_iter().zip(rows.row(*b)).map(|(a, b)| (a - b).abs());
                sums.iter_mut().zip(differences).for_each(|(sum, difference)| *sum += difference);
            }
            descending(&sums)
        };
        r_squared_of_deletions(DISTANCE, "distances", &self.pairs, sample, out, ranking, distances)
    }
}
