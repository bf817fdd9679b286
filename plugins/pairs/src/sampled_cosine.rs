//! The mean cosine over sampled pairs.

use isoscope_plugin_sdk::prelude::*;

use crate::cosines::{inner, unit_rows};
use crate::row_pairs::RowPairs;

const COSINE: &str = "pairs.sampled_avg_cosine";
const SKIPPED: &str = "pairs.sampled_skipped_pairs";

params! {
    /// Which pairs of rows.
    pub struct SampledCosineParams {
        /// Most rows of the sample.
        rows: u64 = 5000;
        /// Row ids, two a pair; when empty, pairs are drawn.
        pairs: Vec<f64> = [];
        /// Pairs to draw.
        draws: u64 = 10000;
    }
}

/// The mean cosine over sampled pairs, as published studies estimate it.
pub struct SampledCosine {
    pairs: RowPairs,
}

impl SampleMetric for SampledCosine {
    const META: OpMeta = OpMeta {
        id: "pairs.sampled_avg_cosine",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Sample,
        outputs: &[
            Output::scalar(COSINE)
                .range("[-1, 1]")
                .better(Better::Lower)
                .invariant(&[Invariance::Rotation, Invariance::Scale]),
            Output::scalar(SKIPPED).unit("pairs").range("0..").better(Better::Lower),
        ],
        doc: "Mean cosine over sampled pairs of rows, with its standard error for independent draws: for comparison with \
              publications that sample. angular.avg_cosine is exact over all pairs. Pairs with a row of norm 0 are skipped \
              and counted. Drawn pairs depend on seed and draw alone; a row is never paired with itself.",
        formula: "\\frac{1}{m} \\sum_{(i, j)} \\cos(x_i, x_j)",
        reference: "Ethayarajh 2019 (EMNLP), section 4.1; Timkey & van Schijndel 2021 (EMNLP), eq. 1. Both draw with \
                    replacement, the former also rows with themselves",
        ..OpMeta::DEFAULT
    };
    type Params = SampledCosineParams;

    fn open(params: SampledCosineParams, input: &Input, _: Linalg) -> Result<Self> {
        Ok(Self { pairs: RowPairs::read(&params.pairs, params.draws, input.seed)? })
    }

    fn measure(&self, sample: &Sample, out: &mut Out<'_>) -> Result<()> {
        let pairs = match self.pairs.positions(sample) {
            Ok(pairs) => pairs,
            Err(reason) => {
                out.null(COSINE, &reason)?;
                return out.null(SKIPPED, &reason);
            }
        };
        let units = unit_rows(sample.rows());
        let cosines: Vec<f64> = pairs
            .iter()
            .filter_map(|(a, b)| Some(inner(units[*a].as_ref()?, units[*b].as_ref()?).clamp(-1.0, 1.0)))
            .collect();
        out.set_n(cosines.len() as u64);
        match mean_with_error(&cosines) {
            Some((mean, error)) => out.value_with_error(COSINE, mean, error)?,
            None => out.null(COSINE, "every pair has a row of norm 0")?,
        }
        out.set_n(pairs.len() as u64);
        out.value(SKIPPED, (pairs.len() - cosines.len()) as f64)
    }
}

/// Computes the mean and its standard error, which is not a number for a single value; `None` without values.
pub(crate) fn mean_with_error(values: &[f64]) -> Option<(f64, f64)> {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    (!values.is_empty()).then(|| (mean, (squares / (n - 1.0) / n).sqrt()))
}
