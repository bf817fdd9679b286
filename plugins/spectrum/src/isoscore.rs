//! `IsoScore`: how evenly the variance is spread over the dimensions.
//!
//! The published definition goes through normalised eigenvalues, their distance from the vector of ones, and a rescaling.
//! It equals `(PR - 1) / (d - 1)` with the participation ratio `PR = tr(S)² / ‖S‖_F²`, which needs no eigenvalues. Both
//! ways are offered, the second under the published name and the first as a cross-check.

use isoscope_plugin_sdk::prelude::*;

use crate::eigenvalues::{Of, SHAPE_OF_COVARIANCE, Spectrum, SpectrumMetric, undefined};

/// Reason given for a single dimension.
pub(crate) const ONE_DIMENSION: &str = "not defined for one dimension";

/// Returns the trace and the squared Frobenius norm of the covariance.
pub(crate) fn trace_and_square(m: &Moments<'_>) -> (f64, f64) {
    let scale = (m.n() as f64 - 1.0).recip();
    let square = m.scatter().iter().map(|s| (s * scale) * (s * scale)).sum::<f64>();
    (m.scatter().diag().sum() * scale, square)
}

/// Computes `(tr² / ‖S‖² - 1) / (d - 1)`; rounding may carry it past the ends of `[0, 1]`, so it is clipped.
pub(crate) fn score(trace: f64, square: f64, d: usize) -> f64 {
    ((trace * trace / square - 1.0) / (d as f64 - 1.0)).clamp(0.0, 1.0)
}

/// `IsoScore` from the trace and the Frobenius norm.
pub struct IsoScore;

impl MomentMetric for IsoScore {
    const META: OpMeta = OpMeta {
        id: "spectrum.isoscore",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Moments,
        parts: &[Part::Second],
        outputs: &[Output::scalar("spectrum.isoscore")
            .range("[0, 1]")
            .better(Better::Higher)
            .invariant(SHAPE_OF_COVARIANCE)],
        doc: "IsoScore: 1 when the variance is spread evenly over all dimensions, 0 when it lies in one. With fewer rows \
              than dimensions the missing directions count as empty, so the score is low by construction.",
        formula: "\\iota = \\frac{\\mathrm{tr}(S)^2 / \\|S\\|_F^2 - 1}{d - 1}",
        reference: "Rudman et al. 2022 (IsoScore, Findings of ACL), in closed form",
        ..OpMeta::DEFAULT
    };
    type Params = NoParams;

    fn open(_: NoParams) -> Result<Self> {
        Ok(Self)
    }

    fn measure(&self, m: &Moments<'_>, out: &mut Out<'_>) -> Result<()> {
        if let Some(reason) = undefined(m, Of::Covariance) {
            return out.null("spectrum.isoscore", reason);
        }
        if m.cols() < 2 {
            return out.null("spectrum.isoscore", ONE_DIMENSION);
        }
        let (trace, square) = trace_and_square(m);
        out.value("spectrum.isoscore", score(trace, square, m.cols()))
    }
}

/// `IsoScore` step by step, as published.
pub struct IsoScorePypi;

impl SpectrumMetric for IsoScorePypi {
    const META: OpMeta = OpMeta {
        id: "spectrum.isoscore_pypi",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Moments,
        parts: &[Part::Second],
        outputs: &[Output::scalar("spectrum.isoscore_pypi")
            .range("[0, 1]")
            .better(Better::Higher)
            .invariant(SHAPE_OF_COVARIANCE)],
        doc: "IsoScore by the steps of its definition, from the eigenvalues; equal to spectrum.isoscore up to rounding.",
        formula: "\\hat\\lambda = \\sqrt d \\lambda / \\|\\lambda\\|, \\; \
                  \\delta = \\|\\hat\\lambda - 1\\| / \\sqrt{2 (d - \\sqrt d)}, \\; \
                  \\phi = (d - \\delta^2 (d - \\sqrt d))^2 / d^2, \\; \\iota = (d \\phi - 1) / (d - 1)",
        reference: "Rudman et al. 2022 (IsoScore, Findings of ACL), algorithm 1",
        ..OpMeta::DEFAULT
    };
    const OF: Of = Of::Covariance;

    fn value(spectrum: &Spectrum) -> Result<f64, &'static str> {
        let d = spectrum.d();
        if spectrum.values.len() < 2 {
            return Err(ONE_DIMENSION);
        }
        let norm = spectrum.values.iter().map(|v| v * v).sum::<f64>().sqrt();
        let scale = d.sqrt() / norm;
        let distance = spectrum.values.iter().map(|v| (v * scale - 1.0) * (v * scale - 1.0)).sum::<f64>();
        let delta_squared = distance / (2.0 * (d - d.sqrt()));
        let phi = ((d - delta_squared * (d - d.sqrt())) / d).powi(2);
        Ok(((d * phi - 1.0) / (d - 1.0)).clamp(0.0, 1.0))
    }
}
