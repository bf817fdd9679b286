//! Shares of the variance: by direction, cumulated, and relative to an even spread.

use isoscope_plugin_sdk::prelude::*;

use crate::eigenvalues::{Of, SHAPE_OF_COVARIANCE, SHAPE_OF_SECOND_MOMENT, Spectrum};

params! {
    /// How many leading shares are listed.
    pub struct ExplainedParams {
        /// Number of leading directions.
        components: u64 = 5, aliases ["k"];
    }
}

/// Writes the leading shares of a spectrum as a series.
fn leading_shares(m: &Moments<'_>, of: Of, k: u64, id: &str, out: &mut Out<'_>) -> Result<()> {
    match Spectrum::of(m, of)? {
        Ok(spectrum) => {
            let sum = spectrum.sum();
            let count = usize::try_from(k).unwrap_or(usize::MAX);
            let shares: Vec<f64> = spectrum.values.iter().take(count).map(|v| v / sum).collect();
            out.series(id, &shares)
        }
        Err(reason) => out.null_series(id, reason),
    }
}

/// The leading shares of the energy of the uncentred rows.
pub struct TopExplainedRaw {
    components: u64,
}

impl MomentMetric for TopExplainedRaw {
    const META: OpMeta = OpMeta {
        id: "spectrum.top_explained_raw",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Moments,
        parts: &[Part::Second],
        outputs: &[Output::vector("spectrum.top_explained_raw")
            .range("[0, 1]")
            .better(Better::Lower)
            .invariant(SHAPE_OF_SECOND_MOMENT)],
        doc: "Shares of the sum of squares of the uncentred matrix along its leading singular directions, descending.",
        formula: "\\sigma_i^2 / \\sum_j \\sigma_j^2, \\quad i \\le k",
        reference: "the 'anisotropy' of Kudriashov et al. 2025 (first three, uncentred)",
        ..OpMeta::DEFAULT
    };
    type Params = ExplainedParams;

    fn open(params: ExplainedParams) -> Result<Self> {
        Ok(Self { components: params.components })
    }

    fn measure(&self, m: &Moments<'_>, out: &mut Out<'_>) -> Result<()> {
        leading_shares(m, Of::SecondMoment, self.components, "spectrum.top_explained_raw", out)
    }
}

/// The leading shares of the variance.
pub struct ExplainedVariance {
    components: u64,
}

impl MomentMetric for ExplainedVariance {
    const META: OpMeta = OpMeta {
        id: "spectrum.explained_variance",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Moments,
        parts: &[Part::Second],
        outputs: &[Output::vector("spectrum.explained_variance")
            .range("[0, 1]")
            .better(Better::Lower)
            .invariant(SHAPE_OF_COVARIANCE)],
        doc: "Shares of the variance along the leading principal directions, descending.",
        formula: "\\lambda_i / \\sum_j \\lambda_j, \\quad i \\le k",
        reference: "definition (principal component analysis)",
        ..OpMeta::DEFAULT
    };
    type Params = ExplainedParams;

    fn open(params: ExplainedParams) -> Result<Self> {
        Ok(Self { components: params.components })
    }

    fn measure(&self, m: &Moments<'_>, out: &mut Out<'_>) -> Result<()> {
        leading_shares(m, Of::Covariance, self.components, "spectrum.explained_variance", out)
    }
}

params! {
    /// Shares of the variance to reach.
    pub struct KForVarianceParams {
        /// Shares, each in (0, 1]; every one becomes a key of the result.
        thresholds: Vec<f64> = [0.5, 0.9, 0.95, 0.99];
    }
}

/// The numbers of directions that reach given shares of the variance.
pub struct KForVariance {
    thresholds: Vec<f64>,
}

impl MomentMetric for KForVariance {
    const META: OpMeta = OpMeta {
        id: "spectrum.k_for_variance",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Moments,
        parts: &[Part::Second],
        outputs: &[Output::object("spectrum.k_for_variance")
            .unit("directions")
            .range("1..=d")
            .better(Better::Higher)
            .invariant(SHAPE_OF_COVARIANCE)],
        doc: "Least number of leading principal directions whose shares of the variance add up to a threshold, for each \
              threshold.",
        formula: "\\min\\{k : \\sum_{i \\le k} \\lambda_i \\ge t \\sum_j \\lambda_j\\}",
        reference: "definition (principal component analysis)",
        ..OpMeta::DEFAULT
    };
    type Params = KForVarianceParams;

    fn open(params: KForVarianceParams) -> Result<Self> {
        if let Some(bad) = params.thresholds.iter().find(|t| !(**t > 0.0 && **t <= 1.0)) {
            return Err(Error::invalid(format!("thresholds: {bad} is not in (0, 1]")));
        }
        Ok(Self { thresholds: params.thresholds })
    }

    fn measure(&self, m: &Moments<'_>, out: &mut Out<'_>) -> Result<()> {
        const ID: &str = "spectrum.k_for_variance";
        let spectrum = match Spectrum::of(m, Of::Covariance)? {
            Ok(spectrum) => spectrum,
            Err(reason) => return out.null(ID, reason),
        };
        let sum = spectrum.sum();
        let cumulated: Vec<f64> = spectrum
            .values
            .iter()
            .scan(0.0, |total, v| {
                *total += v;
                Some(*total / sum)
            })
            .collect();
        for t in &self.thresholds {
            let below = cumulated.iter().take_while(|c| *c < t).count();
            out.part(ID, &format!("{t}"), (below + 1).min(cumulated.len()) as f64)?;
        }
        Ok(())
    }
}

params! {
    /// Share of the directions that are counted.
    pub struct VarexParams {
        /// Share p of the leading directions, in (0, 1].
        p: f64 = 0.3;
    }
}

/// How close the leading directions come to carrying no more than their number.
pub struct Varex {
    p: f64,
}

impl MomentMetric for Varex {
    const META: OpMeta = OpMeta {
        id: "spectrum.varex",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Moments,
        parts: &[Part::Second],
        outputs: &[Output::scalar("spectrum.varex_p*")
            .range("(0, 1]")
            .better(Better::Higher)
            .invariant(SHAPE_OF_COVARIANCE)],
        doc: "Share of the directions among the first floor(p d) divided by the share of the variance that they carry: 1 \
              for an even spread.",
        formula: "(k / d) / (\\sum_{i \\le k} \\lambda_i / \\sum_j \\lambda_j), \\quad k = \\lfloor p d \\rfloor",
        reference: "'varex' of the IsoScore repository (Rudman et al. 2022), as intended",
        ..OpMeta::DEFAULT
    };
    type Params = VarexParams;

    fn open(params: VarexParams) -> Result<Self> {
        if !(params.p > 0.0 && params.p <= 1.0) {
            return Err(Error::invalid(format!("p: {} is not in (0, 1]", params.p)));
        }
        Ok(Self { p: params.p })
    }

    fn measure(&self, m: &Moments<'_>, out: &mut Out<'_>) -> Result<()> {
        let id = format!("spectrum.varex_p{:?}", self.p);
        let spectrum = match Spectrum::of(m, Of::Covariance)? {
            Ok(spectrum) => spectrum,
            Err(reason) => return out.null(&id, reason),
        };
        // The small term keeps 0.29 · 100 = 28.999… from losing a direction.
        let least = self.p * spectrum.d() + 1e-9;
        let k = (1..=spectrum.values.len()).take_while(|k| *k as f64 <= least).count();
        if k == 0 {
            return out.null(&id, "p d is below 1: no direction is counted");
        }
        let carried: f64 = spectrum.values.iter().take(k).sum();
        out.value(&id, (k as f64 / spectrum.d()) / (carried / spectrum.sum()))
    }
}
