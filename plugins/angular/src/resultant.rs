//! How strongly the directions of the rows agree with each other and with the mean.

use isoscope_plugin_sdk::prelude::*;

use crate::unit_vectors::{directed_rows, inner};

/// The length of the mean unit vector.
pub struct MeanResultantLength;

impl MomentMetric for MeanResultantLength {
    const META: OpMeta = OpMeta {
        id: "angular.mean_resultant_length",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Moments,
        parts: &[Part::Direction],
        outputs: &[Output::scalar("angular.mean_resultant_length")
            .range("[0, 1]")
            .better(Better::Lower)
            .invariant(&[Invariance::Rotation, Invariance::Scale, Invariance::Permutation])],
        doc: "Length of the mean of the unit vectors of the rows; rows of norm 0 are left out.",
        formula: "\\|s\\| / m, \\quad s = \\sum_i x_i / \\|x_i\\|",
        reference: "Mardia & Jupp 2000 (Directional Statistics), section 9.3",
        ..OpMeta::DEFAULT
    };
    type Params = NoParams;

    fn open(_: NoParams) -> Result<Self> {
        Ok(Self)
    }

    fn measure(&self, m: &Moments<'_>, out: &mut Out<'_>) -> Result<()> {
        const ID: &str = "angular.mean_resultant_length";
        let direction = m.direction()?;
        let rows = directed_rows(m, &direction);
        if rows == 0 {
            return out.null(ID, "every row is zero");
        }
        let length = inner(&direction.unit_sum, &direction.unit_sum).sqrt();
        out.value(ID, (length / rows as f64).min(1.0))
    }
}

/// The mean cosine of the rows with their mean.
pub struct Concentricity;

impl MomentMetric for Concentricity {
    const META: OpMeta = OpMeta {
        id: "angular.concentricity",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Moments,
        parts: &[Part::Second, Part::Direction],
        outputs: &[Output::scalar("angular.concentricity")
            .range("[-1, 1]")
            .better(Better::Lower)
            .invariant(&[Invariance::Rotation, Invariance::Scale, Invariance::Permutation])],
        doc: "Mean cosine of the rows with the mean of all rows; rows of norm 0 are left out of the cosines but not of \
              the mean.",
        formula: "\\frac{1}{m} \\sum_i \\cos(x_i, \\mu) = s^\\top \\mu / (m \\|\\mu\\|)",
        reference: "Klabunde et al. 2024 (ReSi), 'concentricity'",
        ..OpMeta::DEFAULT
    };
    type Params = NoParams;

    fn open(_: NoParams) -> Result<Self> {
        Ok(Self)
    }

    fn measure(&self, m: &Moments<'_>, out: &mut Out<'_>) -> Result<()> {
        const ID: &str = "angular.concentricity";
        let direction = m.direction()?;
        let rows = directed_rows(m, &direction);
        if rows == 0 {
            return out.null(ID, "every row is zero");
        }
        let mean = m.mean();
        let norm = inner(&mean, &mean).sqrt();
        if norm <= 0.0 {
            return out.null(ID, "the mean is zero");
        }
        out.value(ID, (inner(&direction.unit_sum, &mean) / (rows as f64 * norm)).clamp(-1.0, 1.0))
    }
}
