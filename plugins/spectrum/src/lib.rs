//! Functions of the spectrum of a cloud of rows (family SPECTRUM).
//!
//! All ops need the moments alone: the eigenvalues of the covariance or of the raw second moment, which the host computes
//! once and keeps, or just the trace and the Frobenius norm. Formulas, conventions and citations are in the README of
//! this crate.
#![forbid(unsafe_code)]

mod decay;
mod effective_rank;
mod eigenvalues;
mod elongated;
mod explained;
mod isoscore;
mod isoscore_star;
mod participation_ratio;
mod rank;

pub use decay::{LogCondition, PowerLawAlpha, PowerLawParams};
pub use effective_rank::{CovEntropyRank, EffectiveRankCentered, EffectiveRankRaw, RankMe};
pub use eigenvalues::{CovEigenvalues, Of, OfSpectrum, Spectrum, SpectrumMetric};
pub use elongated::{BrokenStickCount, KaiserCount, MpCount};
pub use explained::{
    ExplainedParams, ExplainedVariance, KForVariance, KForVarianceParams, TopExplainedRaw, Varex, VarexParams,
};
pub use isoscore::{IsoScore, IsoScorePypi};
pub use isoscore_star::{IsoScoreStar, IsoScoreStarParams};
pub use participation_ratio::ParticipationRatio;
pub use rank::{NumericalRankF32, StableRankCentered, StableRankRaw};

use isoscope_plugin_sdk::prelude::*;

declare_plugin! {
    pub PLUGIN, id: "org.isoscope.spectrum",
    ops: [
        MomentOp<CovEigenvalues>,
        MomentOp<IsoScore>,
        MomentOp<OfSpectrum<IsoScorePypi>>,
        MomentOp<IsoScoreStar>,
        MomentOp<ParticipationRatio>,
        MomentOp<OfSpectrum<EffectiveRankRaw>>,
        MomentOp<OfSpectrum<EffectiveRankCentered>>,
        MomentOp<OfSpectrum<RankMe>>,
        MomentOp<OfSpectrum<CovEntropyRank>>,
        MomentOp<OfSpectrum<StableRankRaw>>,
        MomentOp<OfSpectrum<StableRankCentered>>,
        MomentOp<OfSpectrum<NumericalRankF32>>,
        MomentOp<TopExplainedRaw>,
        MomentOp<ExplainedVariance>,
        MomentOp<KForVariance>,
        MomentOp<Varex>,
        MomentOp<PowerLawAlpha>,
        MomentOp<OfSpectrum<LogCondition>>,
        MomentOp<OfSpectrum<KaiserCount>>,
        MomentOp<OfSpectrum<MpCount>>,
        MomentOp<OfSpectrum<BrokenStickCount>>,
    ]
}
