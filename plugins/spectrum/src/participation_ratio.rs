//! The participation ratio: the number of directions that carry the variance, by its second moment.

use isoscope_plugin_sdk::prelude::*;

use crate::{
    eigenvalues::{Of, SHAPE_OF_COVARIANCE, undefined},
    isoscore::trace_and_square,
};

/// The participation ratio of the eigenvalues of the covariance.
pub struct ParticipationRatio;

impl MomentMetric for ParticipationRatio {
    const META: OpMeta = OpMeta {
        id: "spectrum.participation_ratio",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Moments,
        parts: &[Part::Second],
        outputs: &[Output::scalar("spectrum.participation_ratio")
            .unit("directions")
            .range("[1, d]")
            .better(Better::Higher)
            .invariant(SHAPE_OF_COVARIANCE)],
        doc: "Participation ratio of the eigenvalues of the covariance: the number of equal eigenvalues with the same \
              ratio of squared sum to sum of squares. Computed from the trace and the Frobenius norm.",
        formula: "(\\sum_i \\lambda_i)^2 / \\sum_i \\lambda_i^2 = \\mathrm{tr}(S)^2 / \\|S\\|_F^2",
        reference: "Gao et al. 2017; scikit-dimension lPCA 'participation_ratio'",
        ..OpMeta::DEFAULT
    };
    type Params = NoParams;

    fn open(_: NoParams) -> Result<Self> {
        Ok(Self)
    }

    fn measure(&self, m: &Moments<'_>, out: &mut Out<'_>) -> Result<()> {
        const ID: &str = "spectrum.participation_ratio";
        if let Some(reason) = undefined(m, Of::Covariance) {
            return out.null(ID, reason);
        }
        let (trace, square) = trace_and_square(m);
        out.value(ID, (trace * trace / square).clamp(1.0, m.cols() as f64))
    }
}
