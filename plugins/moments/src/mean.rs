//! The mean vector, its norm, and its share of the energy.

use isoscope_plugin_sdk::prelude::*;

use crate::undefined::squared_norm;

/// The mean of the rows.
pub struct Mean;

impl MomentMetric for Mean {
    const META: OpMeta = OpMeta {
        id: "moments.mean",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Moments,
        parts: &[Part::Second],
        outputs: &[Output::vector("moments.mean")
            .unit("embedding units")
            .range("(-inf, inf)")
            .invariant(&[Invariance::Permutation])],
        doc: "Mean of the rows, one number per dimension.",
        formula: "\\mu = \\frac{1}{n} \\sum_i x_i",
        reference: "definition",
        ..OpMeta::DEFAULT
    };
    type Params = NoParams;

    fn open(_: NoParams) -> Result<Self> {
        Ok(Self)
    }

    fn measure(&self, m: &Moments<'_>, out: &mut Out<'_>) -> Result<()> {
        if m.n() == 0 {
            return out.null_series("moments.mean", "no rows");
        }
        out.series("moments.mean", &m.mean().to_vec())
    }
}

/// The Euclidean norm of the mean of the rows.
pub struct MeanVectorNorm;

impl MomentMetric for MeanVectorNorm {
    const META: OpMeta = OpMeta {
        id: "moments.mean_vector_norm",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Moments,
        parts: &[Part::Second],
        outputs: &[Output::scalar("moments.mean_vector_norm")
            .unit("embedding units")
            .range("[0, inf)")
            .better(Better::Lower)
            .invariant(&[Invariance::Rotation, Invariance::Permutation])],
        doc: "Euclidean norm of the mean of the rows; 0 when the cloud is centred at the origin.",
        formula: "\\|\\mu\\|_2",
        reference: "definition",
        ..OpMeta::DEFAULT
    };
    type Params = NoParams;

    fn open(_: NoParams) -> Result<Self> {
        Ok(Self)
    }

    fn measure(&self, m: &Moments<'_>, out: &mut Out<'_>) -> Result<()> {
        if m.n() == 0 {
            return out.null("moments.mean_vector_norm", "no rows");
        }
        out.value("moments.mean_vector_norm", squared_norm(&m.mean()).sqrt())
    }
}

/// The norm of the mean relative to the root-mean-square norm of the rows.
pub struct MeanToRms;

impl MomentMetric for MeanToRms {
    const META: OpMeta = OpMeta {
        id: "moments.mean_to_rms",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Moments,
        parts: &[Part::Second],
        outputs: &[Output::scalar("moments.mean_to_rms").range("[0, 1]").better(Better::Lower).invariant(&[
            Invariance::Rotation,
            Invariance::Scale,
            Invariance::Permutation,
        ])],
        doc: "Norm of the mean divided by the root-mean-square norm of the rows. Its square is the share of the energy \
              that lies in the mean: 0 for a centred cloud, 1 when every row is the same.",
        formula: "\\|\\mu\\|_2 / \\sqrt{\\tfrac{1}{n} \\sum_i \\|x_i\\|_2^2}",
        reference: "definition",
        ..OpMeta::DEFAULT
    };
    type Params = NoParams;

    fn open(_: NoParams) -> Result<Self> {
        Ok(Self)
    }

    fn measure(&self, m: &Moments<'_>, out: &mut Out<'_>) -> Result<()> {
        if m.n() == 0 {
            return out.null("moments.mean_to_rms", "no rows");
        }
        let energy = m.mean_squared_norm();
        if energy <= 0.0 {
            return out.null("moments.mean_to_rms", "every row is zero");
        }
        // Rounding may carry the ratio of equal rows past 1.
        out.value("moments.mean_to_rms", (squared_norm(&m.mean()) / energy).sqrt().min(1.0))
    }
}
