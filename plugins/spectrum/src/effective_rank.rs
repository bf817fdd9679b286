//! Ranks by entropy: how many directions the spectrum is worth.

use isoscope_plugin_sdk::prelude::*;

use crate::eigenvalues::{Of, SHAPE_OF_COVARIANCE, SHAPE_OF_SECOND_MOMENT, Spectrum, SpectrumMetric};

/// Number added to every share by the definition of `RankMe`.
const RANKME_EPSILON: f64 = 1e-7;

/// Computes `exp H(w / Σw)` of weights that are not negative and not all 0.
fn exp_entropy(weights: &[f64]) -> f64 {
    let sum: f64 = weights.iter().sum();
    let entropy: f64 = weights.iter().filter(|w| **w > 0.0).map(|w| -(w / sum) * (w / sum).ln()).sum();
    entropy.exp()
}

/// The effective rank of the uncentred rows.
pub struct EffectiveRankRaw;

impl SpectrumMetric for EffectiveRankRaw {
    const META: OpMeta = OpMeta {
        id: "spectrum.effective_rank_raw",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Moments,
        parts: &[Part::Second],
        outputs: &[Output::scalar("spectrum.effective_rank_raw")
            .unit("directions")
            .range("[1, min(n, d)]")
            .better(Better::Higher)
            .invariant(SHAPE_OF_SECOND_MOMENT)],
        doc: "Exponential of the entropy of the singular values (not squared) of the uncentred matrix, divided by their sum.",
        formula: "\\exp H(p), \\quad p_i = \\sigma_i / \\sum_j \\sigma_j",
        reference: "Roy & Vetterli 2007 (EUSIPCO)",
        ..OpMeta::DEFAULT
    };
    const OF: Of = Of::SecondMoment;

    fn value(spectrum: &Spectrum) -> Result<f64, &'static str> {
        Ok(exp_entropy(&spectrum.singular_values()))
    }
}

/// The effective rank of the centred rows.
pub struct EffectiveRankCentered;

impl SpectrumMetric for EffectiveRankCentered {
    const META: OpMeta = OpMeta {
        id: "spectrum.effective_rank_centered",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Moments,
        parts: &[Part::Second],
        outputs: &[Output::scalar("spectrum.effective_rank_centered")
            .unit("directions")
            .range("[1, min(n, d)]")
            .better(Better::Higher)
            .invariant(SHAPE_OF_COVARIANCE)],
        doc: "Exponential of the entropy of the singular values (not squared) of the centred matrix, divided by their sum.",
        formula: "\\exp H(p), \\quad p_i = \\sigma_i / \\sum_j \\sigma_j",
        reference: "Roy & Vetterli 2007 (EUSIPCO)",
        ..OpMeta::DEFAULT
    };
    const OF: Of = Of::Covariance;

    fn value(spectrum: &Spectrum) -> Result<f64, &'static str> {
        Ok(exp_entropy(&spectrum.singular_values()))
    }
}

/// `RankMe` of the uncentred rows.
pub struct RankMe;

impl SpectrumMetric for RankMe {
    const META: OpMeta = OpMeta {
        id: "spectrum.rankme",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Moments,
        parts: &[Part::Second],
        outputs: &[Output::scalar("spectrum.rankme")
            .unit("directions")
            .range("[1, min(n, d)]")
            .better(Better::Higher)
            .invariant(SHAPE_OF_SECOND_MOMENT)],
        doc: "Effective rank of the uncentred matrix with 1e-7 added to every share; shares run over min(n, d) singular values.",
        formula: "\\exp(-\\sum_i p_i \\log p_i), \\quad p_i = \\sigma_i / \\sum_j \\sigma_j + 10^{-7}",
        reference: "Garrido et al. 2023 (RankMe, ICML)",
        ..OpMeta::DEFAULT
    };
    const OF: Of = Of::SecondMoment;

    fn value(spectrum: &Spectrum) -> Result<f64, &'static str> {
        let count = spectrum.values.len().min(usize::try_from(spectrum.n).unwrap_or(usize::MAX));
        let sigma = &spectrum.singular_values()[..count];
        let sum: f64 = sigma.iter().sum();
        let entropy: f64 = sigma
            .iter()
            .map(|s| {
                let p = s / sum + RANKME_EPSILON;
                -p * p.ln()
            })
            .sum();
        Ok(entropy.exp())
    }
}

/// The entropy rank of the covariance.
pub struct CovEntropyRank;

impl SpectrumMetric for CovEntropyRank {
    const META: OpMeta = OpMeta {
        id: "spectrum.cov_entropy_rank",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Moments,
        parts: &[Part::Second],
        outputs: &[Output::scalar("spectrum.cov_entropy_rank")
            .unit("directions")
            .range("[1, d]")
            .better(Better::Higher)
            .invariant(SHAPE_OF_COVARIANCE)],
        doc: "Exponential of the entropy of the eigenvalues of the covariance, divided by their sum (the von Neumann form).",
        formula: "\\exp H(\\lambda / \\sum_j \\lambda_j)",
        reference: "Roy & Vetterli 2007 (EUSIPCO), on eigenvalues",
        ..OpMeta::DEFAULT
    };
    const OF: Of = Of::Covariance;

    fn value(spectrum: &Spectrum) -> Result<f64, &'static str> {
        Ok(exp_entropy(&spectrum.values))
    }
}
