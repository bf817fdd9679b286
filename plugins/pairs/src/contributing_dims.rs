//! The dimensions that contribute most to the cosine of sampled pairs.

use isoscope_plugin_sdk::prelude::*;

use crate::cosines::{contributions, descending, unit_rows};
use crate::row_pairs::RowPairs;

/// Dimensions that are listed.
const TOP: usize = 5;
const DIMS: &str = "pairs.sampled_cc_top5_dims";

params! {
    /// Which pairs of rows.
    pub struct ContributingDimsParams {
        /// Most rows of the sample.
        rows: u64 = 5000;
        /// Row ids, two a pair; when empty, pairs are drawn.
        pairs: Vec<f64> = [];
        /// Pairs to draw.
        draws: u64 = 10000;
    }
}

/// The five dimensions of the largest mean contribution to the cosine.
pub struct ContributingDims {
    pairs: RowPairs,
}

impl SampleMetric for ContributingDims {
    const META: OpMeta = OpMeta {
        id: "pairs.sampled_cc_top5_dims",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Sample,
        outputs: &[Output::vector(DIMS).unit("dimension").range("[0, d)").invariant(&[Invariance::Scale])],
        doc: "Indices from 0 of the five dimensions of the largest mean contribution to the cosine of sampled pairs, in \
              descending order; fewer when there are fewer dimensions. angular.cos_contribution is exact over all pairs. \
              Pairs with a row of norm 0 are left out.",
        formula: "CC_l = \\frac{1}{m} \\sum_{(i, j)} \\hat u_{il} \\hat u_{jl}, \\quad \\hat u_i = x_i / \\|x_i\\|",
        reference: "Timkey & van Schijndel 2021 (EMNLP), eq. 3",
        ..OpMeta::DEFAULT
    };
    type Params = ContributingDimsParams;

    fn open(params: ContributingDimsParams, input: &Input, _: Linalg) -> Result<Self> {
        Ok(Self { pairs: RowPairs::read(&params.pairs, params.draws, input.seed)? })
    }

    fn measure(&self, sample: &Sample, out: &mut Out<'_>) -> Result<()> {
        let pairs = match self.pairs.positions(sample) {
            Ok(pairs) => pairs,
            Err(reason) => return out.null_series(DIMS, &reason),
        };
        let (sums, used) = contributions(&unit_rows(sample.rows()), &pairs, sample.rows().ncols());
        out.set_n(used);
        if used == 0 {
            return out.null_series(DIMS, "every pair has a row of norm 0");
        }
        let dims: Vec<f64> = descending(&sums).into_iter().take(TOP).map(|dim| dim as f64).collect();
        out.series(DIMS, &dims)
    }
}
