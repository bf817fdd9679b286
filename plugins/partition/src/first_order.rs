//! Two approximations of the measure that need the moments only.

use isoscope_plugin_sdk::prelude::*;

use crate::directions::{TOO_LARGE, inner};

/// The first- and second-order expansions of the partition function around zero.
pub struct FirstOrder;

impl MomentMetric for FirstOrder {
    const META: OpMeta = OpMeta {
        id: "partition.first_order",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Moments,
        parts: &[Part::Second],
        outputs: &[
            Output::scalar("partition.I_first_order")
                .range("[-1, 1]")
                .better(Better::Higher)
                .invariant(&[Invariance::Rotation, Invariance::Permutation]),
            Output::scalar("partition.I_second_order")
                .range("(-inf, 1]")
                .better(Better::Higher)
                .invariant(&[Invariance::Rotation, Invariance::Permutation]),
        ],
        doc: "Isotropy with exp replaced by its Taylor expansion of first or second order. The expansion holds for rows of \
              norm about 1 or less; a negative value (|mean| > 1) says that it does not apply.",
        formula: "I_1 = (n - \\|s\\|) / (n + \\|s\\|), \\quad \
                  I_2 = (n - \\|s\\| + \\sigma_{\\min}^2 / 2) / (n + \\|s\\| + \\sigma_{\\max}^2 / 2), \\quad s = \\sum_i x_i",
        reference: "Mu & Viswanath 2018 (ICLR), section 2",
        ..OpMeta::DEFAULT
    };
    type Params = NoParams;

    fn open(_: NoParams) -> Result<Self> {
        Ok(Self)
    }

    fn measure(&self, m: &Moments<'_>, out: &mut Out<'_>) -> Result<()> {
        if m.n() < 2 || m.cols() == 0 {
            out.null("partition.I_first_order", "fewer than 2 rows")?;
            return out.null("partition.I_second_order", "fewer than 2 rows");
        }
        let n = m.n() as f64;
        if !(n * m.mean_squared_norm()).is_finite() {
            out.null("partition.I_first_order", TOO_LARGE)?;
            return out.null("partition.I_second_order", TOO_LARGE);
        }
        let sum = n * inner(&m.mean(), &m.mean()).sqrt();
        out.value("partition.I_first_order", (n - sum) / (n + sum))?;
        let squares = m.second_moment_eigen()?.values;
        let (largest, least) = (squares[0].max(0.0), squares[squares.len() - 1].max(0.0));
        out.value("partition.I_second_order", (n - sum + least / 2.0) / (n + sum + largest / 2.0))
    }
}
