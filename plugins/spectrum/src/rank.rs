//! Stable and numerical rank.

use isoscope_plugin_sdk::prelude::*;

use crate::eigenvalues::{Of, SHAPE_OF_COVARIANCE, SHAPE_OF_SECOND_MOMENT, Spectrum, SpectrumMetric};

/// Reason given where the single-precision tolerance leaves nothing.
pub(crate) const TOO_MANY_ROWS: &str =
    "the tolerance max(n, d) eps of single precision exceeds 1 at this number of rows";

/// The stable rank of the uncentred rows.
pub struct StableRankRaw;

impl SpectrumMetric for StableRankRaw {
    const META: OpMeta = OpMeta {
        id: "spectrum.stable_rank_raw",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Moments,
        parts: &[Part::Second],
        outputs: &[Output::scalar("spectrum.stable_rank_raw")
            .unit("directions")
            .range("[1, min(n, d)]")
            .better(Better::Higher)
            .invariant(SHAPE_OF_SECOND_MOMENT)],
        doc: "Squared Frobenius norm of the uncentred matrix divided by its squared spectral norm.",
        formula: "\\|X\\|_F^2 / \\|X\\|_2^2",
        reference: "Rudelson & Vershynin 2007 (JACM 54)",
        ..OpMeta::DEFAULT
    };
    const OF: Of = Of::SecondMoment;

    fn value(spectrum: &Spectrum) -> Result<f64, &'static str> {
        Ok(spectrum.sum() / spectrum.values[0])
    }
}

/// The stable rank of the centred rows.
pub struct StableRankCentered;

impl SpectrumMetric for StableRankCentered {
    const META: OpMeta = OpMeta {
        id: "spectrum.stable_rank_centered",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Moments,
        parts: &[Part::Second],
        outputs: &[Output::scalar("spectrum.stable_rank_centered")
            .unit("directions")
            .range("[1, min(n, d)]")
            .better(Better::Higher)
            .invariant(SHAPE_OF_COVARIANCE)],
        doc: "Total variance divided by the variance along the first principal direction.",
        formula: "\\sum_i \\lambda_i / \\lambda_1",
        reference: "Rudelson & Vershynin 2007 (JACM 54), on centred rows",
        ..OpMeta::DEFAULT
    };
    const OF: Of = Of::Covariance;

    fn value(spectrum: &Spectrum) -> Result<f64, &'static str> {
        Ok(spectrum.sum() / spectrum.values[0])
    }
}

/// The numerical rank of the uncentred rows at single precision.
pub struct NumericalRankF32;

impl SpectrumMetric for NumericalRankF32 {
    const META: OpMeta = OpMeta {
        id: "spectrum.numerical_rank_f32",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Moments,
        parts: &[Part::Second],
        outputs: &[Output::scalar("spectrum.numerical_rank_f32")
            .unit("directions")
            .range("0..=min(n, d)")
            .invariant(SHAPE_OF_SECOND_MOMENT)],
        doc: "Number of singular values of the uncentred matrix above max(n, d) eps_f32 times the largest. The tolerance grows with n; it says less the more rows there are.",
        formula: "\\#\\{i : \\sigma_i > \\max(n, d) \\, \\varepsilon_{32} \\, \\sigma_1\\}",
        reference: "the usual rank tolerance (MATLAB, NumPy) with single-precision eps",
        ..OpMeta::DEFAULT
    };
    const OF: Of = Of::SecondMoment;

    fn value(spectrum: &Spectrum) -> Result<f64, &'static str> {
        match spectrum.above_single_precision().len() {
            0 => Err(TOO_MANY_ROWS),
            rank => Ok(rank as f64),
        }
    }
}
