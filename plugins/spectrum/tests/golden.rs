//! Every value of the family against an independent implementation, the rows cut into shards.
#![allow(clippy::unwrap_used)]

#[path = "../../../tests/golden/loader.rs"]
mod loader;

use isoscope_plugin_sdk::prelude::*;
use isoscope_plugin_sdk::testing::{Collected, run};
use isoscope_spectrum::*;
use loader::Exception;

/// The golden values take singular values of the matrix itself, where the rounding of the input to single precision shows
/// as singular values of 1e-8; the spectrum of the moments resolves no such values and counts them as 0.
const NOISE: &str = "rounding noise of single-precision input is counted as 0";

/// Runs all ops of the family over one matrix.
fn all(x: &Array2<f64>) -> Collected {
    let shards = loader::shards(x);
    let shards: Vec<_> = shards.iter().map(Vec::as_slice).collect();
    let found = [
        run::<MomentOp<CovEigenvalues>>("{}", &shards).unwrap().collected,
        run::<MomentOp<IsoScore>>("{}", &shards).unwrap().collected,
        run::<MomentOp<OfSpectrum<IsoScorePypi>>>("{}", &shards).unwrap().collected,
        run::<MomentOp<IsoScoreStar>>("{}", &shards).unwrap().collected,
        run::<MomentOp<ParticipationRatio>>("{}", &shards).unwrap().collected,
        run::<MomentOp<OfSpectrum<EffectiveRankRaw>>>("{}", &shards).unwrap().collected,
        run::<MomentOp<OfSpectrum<EffectiveRankCentered>>>("{}", &shards).unwrap().collected,
        run::<MomentOp<OfSpectrum<RankMe>>>("{}", &shards).unwrap().collected,
        run::<MomentOp<OfSpectrum<CovEntropyRank>>>("{}", &shards).unwrap().collected,
        run::<MomentOp<OfSpectrum<StableRankRaw>>>("{}", &shards).unwrap().collected,
        run::<MomentOp<OfSpectrum<StableRankCentered>>>("{}", &shards).unwrap().collected,
        run::<MomentOp<OfSpectrum<NumericalRankF32>>>("{}", &shards).unwrap().collected,
        run::<MomentOp<TopExplainedRaw>>("{}", &shards).unwrap().collected,
        run::<MomentOp<ExplainedVariance>>("{}", &shards).unwrap().collected,
        run::<MomentOp<KForVariance>>("{}", &shards).unwrap().collected,
        run::<MomentOp<Varex>>("{}", &shards).unwrap().collected,
        run::<MomentOp<PowerLawAlpha>>("{}", &shards).unwrap().collected,
        run::<MomentOp<OfSpectrum<LogCondition>>>("{}", &shards).unwrap().collected,
        run::<MomentOp<OfSpectrum<KaiserCount>>>("{}", &shards).unwrap().collected,
        run::<MomentOp<OfSpectrum<MpCount>>>("{}", &shards).unwrap().collected,
        run::<MomentOp<OfSpectrum<BrokenStickCount>>>("{}", &shards).unwrap().collected,
    ];
    let mut all = Collected::default();
    for mut part in found {
        all.rows.append(&mut part.rows);
        all.series.append(&mut part.series);
    }
    all
}

#[test]
fn every_value_agrees_with_the_independent_implementation() {
    let compared = loader::compare_family(
        "spectrum.",
        all,
        &[
            Exception { input: "lowrank", id: "spectrum.effective_rank_raw", atol: 1e-5, why: NOISE },
            Exception { input: "lowrank", id: "spectrum.effective_rank_centered", atol: 1e-5, why: NOISE },
            Exception { input: "lowrank", id: "spectrum.rankme", atol: 1e-5, why: NOISE },
        ],
    );
    assert_eq!(compared, 274);
}
