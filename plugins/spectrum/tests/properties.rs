//! Declared invariances, merging, and degenerate clouds, for every op of the family.

#[path = "../../../tests/golden/properties.rs"]
mod properties;

use isoscope_plugin_sdk::prelude::*;
use isoscope_spectrum::*;

metric_properties! {
    cov_eigenvalues: MomentOp<CovEigenvalues>,
    isoscore: MomentOp<IsoScore>,
    isoscore_pypi: MomentOp<OfSpectrum<IsoScorePypi>>,
    isoscore_star: MomentOp<IsoScoreStar>,
    participation_ratio: MomentOp<ParticipationRatio>,
    effective_rank_raw: MomentOp<OfSpectrum<EffectiveRankRaw>>,
    effective_rank_centered: MomentOp<OfSpectrum<EffectiveRankCentered>>,
    rankme: MomentOp<OfSpectrum<RankMe>>,
    cov_entropy_rank: MomentOp<OfSpectrum<CovEntropyRank>>,
    stable_rank_raw: MomentOp<OfSpectrum<StableRankRaw>>,
    stable_rank_centered: MomentOp<OfSpectrum<StableRankCentered>>,
    numerical_rank_f32: MomentOp<OfSpectrum<NumericalRankF32>>,
    top_explained_raw: MomentOp<TopExplainedRaw>,
    explained_variance: MomentOp<ExplainedVariance>,
    k_for_variance: MomentOp<KForVariance>,
    varex: MomentOp<Varex>,
    power_law_alpha: MomentOp<PowerLawAlpha>,
    log_condition: MomentOp<OfSpectrum<LogCondition>>,
    kaiser_count: MomentOp<OfSpectrum<KaiserCount>>,
    mp_count: MomentOp<OfSpectrum<MpCount>>,
    broken_stick_count: MomentOp<OfSpectrum<BrokenStickCount>>,
}
