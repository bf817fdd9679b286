//! Informativity of cosines: what the dimensions outside the strongest ones explain of them.

use isoscope_plugin_sdk::prelude::*;

use crate::cosines::{contributions, descending, inner, unit_rows};
use crate::deletion::r_squared_of_deletions;
use crate::row_pairs::RowPairs;

const COSINE: &str = "pairs.informativity_r2";

params! {
    /// Which pairs of rows.
    pub struct InformativityParams {
        /// Most rows of the sample.
        rows: u64 = 5000;
        /// Row ids, two a pair; when empty, pairs are drawn.
        pairs: Vec<f64> = [];
        /// Pairs to draw.
        draws: u64 = 10000;
    }
}

/// r² between cosines with all dimensions and without the ones that contribute most.
pub struct Informativity {
    pairs: RowPairs,
}

impl SampleMetric for Informativity {
    const META: OpMeta = OpMeta {
        id: "pairs.informativity_r2",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Sample,
        outputs: &[Output::object(COSINE)
            .range("[0, 1]")
            .better(Better::Higher)
            .invariant(&[Invariance::Scale])],
        doc: "Squared correlation, over sampled pairs, between the cosine with all dimensions and the cosine without the 1, \
              3 or 5 dimensions of the largest mean contribution (parts 1, 3, 5; the norms are those of what remains). Near \
              0, a few dimensions decide which rows look similar. Pairs with a row that has no direction, before or after \
              the deletion, are left out.",
        formula: "r^2\\bigl(\\cos(x_i, x_j),\\ \\cos(x_i^{-K}, x_j^{-K})\\bigr), \\quad K = \\text{top } k \\text{ of } CC_l",
        reference: "Timkey & van Schijndel 2021 (EMNLP), section 3.2; the released script prints the value of k = 3 in the \
                    column of k = 5",
        ..OpMeta::DEFAULT
    };
    type Params = InformativityParams;

    fn open(params: InformativityParams, input: &Input, _: Linalg) -> Result<Self> {
        Ok(Self { pairs: RowPairs::read(&params.pairs, params.draws, input.seed)? })
    }

    fn measure(&self, sample: &Sample, out: &mut Out<'_>) -> Result<()> {
        let rows = sample.rows();
        let cosines = |rows: ArrayView2<'_, f64>, pairs: &[(usize, usize)]| {
            let units = unit_rows(rows);
            let cosine = |(a, b): &(usize, usize)| Some(inner(units[*a].as_ref()?, units[*b].as_ref()?));
            pairs.iter().map(cosine).collect()
        };
        let ranking =
            |pairs: &[(usize, usize)]| descending(&contributions(&unit_rows(rows), pairs, rows.ncols()).0);
        r_squared_of_deletions(COSINE, "cosines", &self.pairs, sample, out, ranking, cosines)
    }
}
