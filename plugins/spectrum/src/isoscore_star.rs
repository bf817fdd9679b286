//! `IsoScore*`: `IsoScore` of a covariance shrunk towards the identity, which stays stable for few rows.

use isoscope_plugin_sdk::prelude::*;

use crate::{
    eigenvalues::{Of, undefined},
    isoscore::{ONE_DIMENSION, score, trace_and_square},
};

params! {
    /// Shrinkage of `IsoScore*`.
    pub struct IsoScoreStarParams {
        /// Weights of the identity, each in [0, 1]; one value is reported for each of them.
        zeta: Vec<f64> = [0.0, 0.2, 0.75];
    }
}

/// `IsoScore*` with the identity as the target of the shrinkage.
pub struct IsoScoreStar {
    zeta: Vec<f64>,
}

impl MomentMetric for IsoScoreStar {
    const META: OpMeta = OpMeta {
        id: "spectrum.isoscore_star",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Moments,
        parts: &[Part::Second],
        outputs: &[Output::scalar("spectrum.isoscore_star_zeta*")
            .range("[0, 1]")
            .better(Better::Higher)
            .invariant(&[Invariance::Rotation, Invariance::Translation, Invariance::Permutation])],
        doc: "IsoScore of the covariance shrunk towards the identity, for every weight zeta. zeta = 0 is IsoScore. Not \
              invariant to scale for zeta > 0, because the identity is not scaled with the data.",
        formula: "\\iota(S_\\zeta), \\quad S_\\zeta = (1 - \\zeta) S + \\zeta I",
        reference: "Rudman & Eickhoff 2024 (I-STAR, ICLR), with the identity as the shrinkage target",
        ..OpMeta::DEFAULT
    };
    type Params = IsoScoreStarParams;

    fn open(params: IsoScoreStarParams) -> Result<Self> {
        if let Some(bad) = params.zeta.iter().find(|z| !(0.0..=1.0).contains(*z)) {
            return Err(Error::invalid(format!("zeta: {bad} is not in [0, 1]")));
        }
        Ok(Self { zeta: params.zeta })
    }

    fn measure(&self, m: &Moments<'_>, out: &mut Out<'_>) -> Result<()> {
        let reason = undefined(m, Of::Covariance).or((m.cols() < 2).then_some(ONE_DIMENSION));
        for zeta in &self.zeta {
            // `{:?}` keeps the decimal point of whole numbers: zeta0.0, not zeta0.
            let id = format!("spectrum.isoscore_star_zeta{zeta:?}");
            if let Some(reason) = reason {
                out.null(&id, reason)?;
                continue;
            }
            let (trace, square) = trace_and_square(m);
            let (keep, d) = (1.0 - zeta, m.cols() as f64);
            let trace_of_shrunk = keep * trace + zeta * d;
            let square_of_shrunk = keep * keep * square + 2.0 * keep * zeta * trace + zeta * zeta * d;
            out.value(&id, score(trace_of_shrunk, square_of_shrunk, m.cols()))?;
        }
        Ok(())
    }
}
