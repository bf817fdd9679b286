//! How fast the eigenvalues fall.

use isoscope_plugin_sdk::prelude::*;

use crate::{
    eigenvalues::{Of, SHAPE_OF_COVARIANCE, Spectrum, SpectrumMetric},
    rank::TOO_MANY_ROWS,
};

params! {
    /// Range of the eigenvalues that the power law is fitted to.
    pub struct PowerLawParams {
        /// First eigenvalue of the fit, counted from 1.
        first: u64 = 1;
        /// Last eigenvalue of the fit; unset takes all above the floor of spectrum.log_condition.
        last: Option<u64> = None;
    }
}

/// The exponent of a power law fitted to the eigenvalues.
pub struct PowerLawAlpha {
    first: usize,
    last: usize,
}

impl MomentMetric for PowerLawAlpha {
    const META: OpMeta = OpMeta {
        id: "spectrum.power_law_alpha",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Moments,
        parts: &[Part::Second],
        outputs: &[Output::scalar("spectrum.power_law_alpha")
            .range("[0, inf)")
            .invariant(SHAPE_OF_COVARIANCE)],
        doc: "Exponent alpha of lambda_i ~ i^-alpha: minus the slope of the least-squares line through log lambda_i over \
              log i, over all eigenvalues above the floor of spectrum.log_condition unless a range is given.",
        formula: "\\alpha = -\\mathrm{slope}(\\log i, \\log \\lambda_i)",
        reference: "Agrawal et al. 2022 (alpha-ReQ, NeurIPS), which fits a middle range",
        ..OpMeta::DEFAULT
    };
    type Params = PowerLawParams;

    fn open(params: PowerLawParams) -> Result<Self> {
        let last = params.last.unwrap_or(u64::MAX);
        if params.first == 0 || last <= params.first {
            return Err(Error::invalid("first counts from 1 and last must exceed it"));
        }
        let size = |v: u64| usize::try_from(v).unwrap_or(usize::MAX);
        Ok(Self { first: size(params.first), last: size(last) })
    }

    fn measure(&self, m: &Moments<'_>, out: &mut Out<'_>) -> Result<()> {
        const ID: &str = "spectrum.power_law_alpha";
        let spectrum = match Spectrum::of(m, Of::Covariance)? {
            Ok(spectrum) => spectrum,
            Err(reason) => return out.null(ID, reason),
        };
        let points: Vec<(f64, f64)> = spectrum
            .above_single_precision()
            .iter()
            .enumerate()
            .take(self.last)
            .skip(self.first - 1)
            .map(|(i, v)| (((i + 1) as f64).ln(), v.ln()))
            .collect();
        if points.len() < 2 {
            return out.null(ID, "fewer than 2 eigenvalues lie in the range and above the floor");
        }
        out.value(ID, -slope(&points))
    }
}

/// Computes the slope of the least-squares line through at least two points of different abscissa.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len() as f64;
    let (mean_x, mean_y) = points.iter().fold((0.0, 0.0), |(x, y), p| (x + p.0 / count, y + p.1 / count));
    let (products, squares) = points.iter().fold((0.0, 0.0), |(products, squares), (x, y)| {
        (products + (x - mean_x) * (y - mean_y), squares + (x - mean_x) * (x - mean_x))
    });
    products / squares
}

/// The logarithm of the ratio of the largest to the smallest eigenvalue that is not noise.
pub struct LogCondition;

impl SpectrumMetric for LogCondition {
    const META: OpMeta = OpMeta {
        id: "spectrum.log_condition",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Moments,
        parts: &[Part::Second],
        outputs: &[Output::scalar("spectrum.log_condition")
            .unit("nats")
            .range("[0, inf)")
            .better(Better::Lower)
            .invariant(SHAPE_OF_COVARIANCE)],
        doc: "Logarithm of the ratio of the largest eigenvalue of the covariance to the smallest above the floor \
              (max(n, d) eps_f32)^2 lambda_1. The floor grows with n.",
        formula: "\\log(\\lambda_1 / \\lambda_r), \\quad r = \\max\\{i : \\lambda_i > (\\max(n, d) \\, \\varepsilon_{32})^2 \\lambda_1\\}",
        reference: "definition",
        ..OpMeta::DEFAULT
    };
    const OF: Of = Of::Covariance;

    fn value(spectrum: &Spectrum) -> Result<f64, &'static str> {
        let kept = spectrum.above_single_precision();
        match (kept.first(), kept.last()) {
            (Some(first), Some(last)) => Ok((first / last).ln()),
            _ => Err(TOO_MANY_ROWS),
        }
    }
}
