//! H₀: how evenly the components of the cloud join as the scale grows.

use isoscope_plugin_sdk::prelude::*;
use ndarray::{Axis, Slice};

use crate::spanning_tree::edge_lengths;

const ENTROPY: &str = "topo.h0_persistent_entropy";
const NORM: &str = "topo.h0_persistent_entropy_norm";
const TOTAL: &str = "topo.h0_total_persistence";
const ZERO_BARS: &str = "topo.h0_zero_bars";

params! {
    /// Which rows.
    pub struct ComponentsParams {
        /// Most rows of the sample; the time grows with its square.
        rows: u64 = 1000;
        /// Only so many rows, the first by global id, instead of all; the ids then end in `_first` and the number. `rows`
        /// must be at least the rows that there are.
        first: Option<u64> = None;
    }
}

/// Persistent entropy and total persistence of H₀.
pub struct Components {
    first: Option<usize>,
}

impl SampleMetric for Components {
    const META: OpMeta = OpMeta {
        id: "topo.h0",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Sample,
        outputs: &[
            Output::scalar("topo.h0_persistent_entropy*").unit("nats").range("[0, ln(n - 1)]").invariant(&[
                Invariance::Rotation,
                Invariance::Translation,
                Invariance::Scale,
                Invariance::Permutation,
            ]),
            Output::scalar("topo.h0_persistent_entropy_norm*").range("[0, 1]").invariant(&[
                Invariance::Rotation,
                Invariance::Translation,
                Invariance::Scale,
                Invariance::Permutation,
            ]),
            Output::scalar("topo.h0_total_persistence*").unit("distance").range("[0, inf)").invariant(&[
                Invariance::Rotation,
                Invariance::Translation,
                Invariance::Permutation,
            ]),
            Output::scalar("topo.h0_zero_bars*")
                .unit("bars")
                .range("[0, n - 1]")
                .better(Better::Lower)
                .invariant(&[
                    Invariance::Rotation,
                    Invariance::Translation,
                    Invariance::Scale,
                    Invariance::Permutation,
                ]),
        ],
        doc: "Zeroth persistent homology of the Vietoris-Rips filtration of a sample: every row is born at scale 0, and the \
              lengths of the n - 1 finite bars are the edges of the minimum spanning tree. Entropy of the lengths (high when \
              components join at similar scales, low when a few gaps dominate), the same divided by its maximum, and the sum \
              of the lengths. Bars of length 0, from rows that are equal, add nothing to either and are counted. The \
              values depend on the size of the sample: compare equal sizes.",
        formula: "H = -\\sum_i p_i \\ln p_i, \\quad p_i = \\ell_i / \\sum_j \\ell_j, \\quad \\ell \\text{ the edges of the \
                  minimum spanning tree}; \\quad H / \\ln(n - 1); \\quad \\sum_i \\ell_i",
        reference: "Chintakunta et al. 2015 (persistent entropy); Atienza et al. 2017; Kudriashov et al. 2025, who maximise \
                    it in training",
        ..OpMeta::DEFAULT
    };
    type Params = ComponentsParams;

    fn open(params: ComponentsParams, input: &Input, _: Linalg) -> Result<Self> {
        if params.first.is_some() && input.rows > params.rows {
            return Err(Error::Invalid(format!(
                "parameter \"first\" takes the first of all rows, so \"rows\" must be at least {}, got {}",
                input.rows, params.rows
            )));
        }
        let first = params.first.map(usize::try_from).transpose();
        let first = first.map_err(|_| Error::invalid("parameter \"first\" is too large"))?;
        Ok(Self { first })
    }

    fn measure(&self, sample: &Sample, out: &mut Out<'_>) -> Result<()> {
        let n = self.first.map_or(sample.len(), |first| first.min(sample.len()));
        let suffix = self.first.map_or_else(String::new, |first| format!("_first{first}"));
        let [entropy, norm, total, zero_bars] =
            [ENTROPY, NORM, TOTAL, ZERO_BARS].map(|id| format!("{id}{suffix}"));
        out.set_n(n as u64);
        let rows = sample.rows();
        let lengths = edge_lengths(rows.slice_axis(Axis(0), Slice::from(..n)));
        let sum: f64 = lengths.iter().sum();
        let missing = match self.first {
            Some(first) if sample.len() < first => Some(format!("{} rows, fewer than {first}", sample.len())),
            _ if n < 2 => Some("fewer than 2 rows".to_owned()),
            _ if !sum.is_finite() => {
                Some("the distances between the rows are too large for a number".to_owned())
            }
            _ => None,
        };
        if let Some(reason) = missing {
            return [entropy, norm, total, zero_bars].iter().try_for_each(|id| out.null(id, &reason));
        }
        match persistent_entropy(&lengths, sum) {
            None => {
                out.null(&entropy, "all rows are equal")?;
                out.null(&norm, "all rows are equal")?;
            }
            Some(value) => {
                out.value(&entropy, value)?;
                match n {
                    2 => out.null(&norm, "2 rows have a single bar, whose entropy is always 0")?,
                    _ => out.value(&norm, value / ((n - 1) as f64).ln())?,
                }
            }
        }
        out.value(&total, sum)?;
        out.value(&zero_bars, lengths.iter().filter(|length| **length <= 0.0).count() as f64)
    }
}

/// Computes the entropy of lengths as shares of their sum; `None` when the sum is 0.
fn persistent_entropy(lengths: &[f64], sum: f64) -> Option<f64> {
    let shares = lengths.iter().map(|length| length / sum).filter(|share| *share > 0.0);
    // Rounding may put the entropy of a single bar below 0.
    (sum > 0.0).then(|| shares.map(|share| -share * share.ln()).sum::<f64>().max(0.0))
}
