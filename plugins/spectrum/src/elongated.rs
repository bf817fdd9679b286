//! Counts of elongated directions, by three rules.

use isoscope_plugin_sdk::prelude::*;

use crate::eigenvalues::{Of, SHAPE_OF_COVARIANCE, Spectrum, SpectrumMetric};

/// The number of eigenvalues above the mean one.
pub struct KaiserCount;

impl SpectrumMetric for KaiserCount {
    const META: OpMeta = OpMeta {
        id: "spectrum.kaiser_count",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Moments,
        parts: &[Part::Second],
        outputs: &[Output::scalar("spectrum.kaiser_count")
            .unit("directions")
            .range("0..=d")
            .invariant(SHAPE_OF_COVARIANCE)],
        doc: "Number of eigenvalues of the covariance above their mean.",
        formula: "\\#\\{i : \\lambda_i > \\tfrac{1}{d} \\sum_j \\lambda_j\\}",
        reference: "Kaiser 1960; Guttman 1954",
        ..OpMeta::DEFAULT
    };
    const OF: Of = Of::Covariance;

    fn value(spectrum: &Spectrum) -> Result<f64, &'static str> {
        let mean = spectrum.sum() / spectrum.d();
        Ok(spectrum.values.iter().filter(|v| **v > mean).count() as f64)
    }
}

/// The number of eigenvalues above the Marchenko–Pastur edge.
pub struct MpCount;

impl SpectrumMetric for MpCount {
    const META: OpMeta = OpMeta {
        id: "spectrum.mp_count",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Moments,
        parts: &[Part::Second],
        outputs: &[Output::scalar("spectrum.mp_count")
            .unit("directions")
            .range("0..=d")
            .invariant(SHAPE_OF_COVARIANCE)],
        doc: "Number of eigenvalues of the covariance above the upper edge of the Marchenko-Pastur law, whose noise variance is the mean of the positive eigenvalues not above the edge; repeated until the count no longer grows. r is the number of positive eigenvalues.",
        formula: "\\#\\{i : \\lambda_i > s^2 (1 + \\sqrt{r / n})^2\\}",
        reference: "Marchenko & Pastur 1967",
        ..OpMeta::DEFAULT
    };
    const OF: Of = Of::Covariance;

    fn value(spectrum: &Spectrum) -> Result<f64, &'static str> {
        let positive: Vec<f64> = spectrum.values.iter().copied().filter(|v| *v > 0.0).collect();
        let width = (1.0 + (positive.len() as f64 / spectrum.n as f64).sqrt()).powi(2);
        let mut count = 0;
        while count < positive.len() {
            let rest = &positive[count..];
            let edge = width * rest.iter().sum::<f64>() / rest.len() as f64;
            let above = positive.iter().take_while(|v| **v > edge).count();
            if above <= count {
                break;
            }
            count = above;
        }
        Ok(count as f64)
    }
}

/// The number of leading eigenvalues above the broken stick.
pub struct BrokenStickCount;

impl SpectrumMetric for BrokenStickCount {
    const META: OpMeta = OpMeta {
        id: "spectrum.broken_stick_count",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Moments,
        parts: &[Part::Second],
        outputs: &[Output::scalar("spectrum.broken_stick_count")
            .unit("directions")
            .range("0..=d")
            .invariant(SHAPE_OF_COVARIANCE)],
        doc: "Number of leading eigenvalues whose share of the variance exceeds the expected length of the pieces of a stick broken at random into d, in order.",
        formula: "\\max\\{k : \\lambda_i / \\sum_j \\lambda_j > \\tfrac{1}{d} \\sum_{j \\ge i} 1 / j \\; \\forall i \\le k\\}",
        reference: "Jackson 1993 (Ecology 74)",
        ..OpMeta::DEFAULT
    };
    const OF: Of = Of::Covariance;

    fn value(spectrum: &Spectrum) -> Result<f64, &'static str> {
        let (d, sum) = (spectrum.values.len(), spectrum.sum());
        let mut expected = vec![0.0; d];
        let mut tail = 0.0;
        for i in (0..d).rev() {
            tail += ((i + 1) as f64).recip();
            expected[i] = tail / d as f64;
        }
        Ok(spectrum.values.iter().zip(&expected).take_while(|(v, e)| **v / sum > **e).count() as f64)
    }
}
