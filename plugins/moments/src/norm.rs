//! The distribution of the norms of the rows.

use isoscope_plugin_sdk::prelude::*;

/// Mean, standard deviation, minimum and maximum of the norms of the rows.
pub struct Norm;

impl MomentMetric for Norm {
    const META: OpMeta = OpMeta {
        id: "moments.norm",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Moments,
        parts: &[Part::Direction],
        outputs: &[Output::object("moments.norm")
            .unit("embedding units")
            .range("[0, inf)")
            .invariant(&[Invariance::Rotation, Invariance::Permutation])],
        doc: "Mean, standard deviation (divisor n), minimum and maximum of the Euclidean norms of the rows.",
        formula: "\\mathrm{mean}, \\mathrm{std}, \\min, \\max \\text{ of } \\|x_i\\|_2",
        reference: "Ethayarajh 2019 (EMNLP) reports mean and std beside the cosines",
        ..OpMeta::DEFAULT
    };
    type Params = NoParams;

    fn open(_: NoParams) -> Result<Self> {
        Ok(Self)
    }

    fn measure(&self, m: &Moments<'_>, out: &mut Out<'_>) -> Result<()> {
        if m.n() == 0 {
            return out.null("moments.norm", "no rows");
        }
        let (norms, n) = (m.direction()?, m.n() as f64);
        out.part("moments.norm", "mean", norms.norm_sum / n)?;
        // The centred sum: the mean square less the squared mean would lose every digit of a small spread.
        out.part("moments.norm", "std", (norms.norm_scatter / n).sqrt())?;
        out.part("moments.norm", "min", norms.norm_min)?;
        out.part("moments.norm", "max", norms.norm_max)
    }
}
