//! The mean cosine over all pairs of rows, exact, from the sum of the unit vectors.

use isoscope_plugin_sdk::prelude::*;

use crate::unit_vectors::{FEW_ROWS, directed_rows, inner, mean_cosine};

/// The mean cosine over all pairs of distinct rows.
pub struct AvgCosine;

impl MomentMetric for AvgCosine {
    const META: OpMeta = OpMeta {
        id: "angular.avg_cosine",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Moments,
        parts: &[Part::Direction],
        outputs: &[Output::scalar("angular.avg_cosine")
            .range("[-1/(m - 1), 1]")
            .better(Better::Lower)
            .invariant(&[Invariance::Rotation, Invariance::Scale, Invariance::Permutation])],
        doc: "Mean cosine over all pairs of distinct rows, exact: the anisotropy baseline that publications estimate from \
              sampled pairs. Rows of norm 0 are left out; m rows remain.",
        formula: "\\frac{\\|s\\|^2 - m}{m (m - 1)}, \\quad s = \\sum_i x_i / \\|x_i\\|",
        reference: "Ethayarajh 2019 (EMNLP); over all pairs in closed form",
        ..OpMeta::DEFAULT
    };
    type Params = NoParams;

    fn open(_: NoParams) -> Result<Self> {
        Ok(Self)
    }

    fn measure(&self, m: &Moments<'_>, out: &mut Out<'_>) -> Result<()> {
        let direction = m.direction()?;
        let rows = directed_rows(m, &direction);
        if rows < 2 {
            return out.null("angular.avg_cosine", FEW_ROWS);
        }
        let square = inner(&direction.unit_sum, &direction.unit_sum);
        out.value("angular.avg_cosine", mean_cosine(square, rows as f64))
    }
}

/// The mean cosine with divisor m².
pub struct AvgCosineN2;

impl MomentMetric for AvgCosineN2 {
    const META: OpMeta = OpMeta {
        id: "angular.avg_cosine_n2",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Moments,
        parts: &[Part::Direction],
        outputs: &[Output::scalar("angular.avg_cosine_n2")
            .range("[-1/m, 1)")
            .better(Better::Lower)
            .invariant(&[Invariance::Rotation, Invariance::Scale, Invariance::Permutation])],
        doc: "Sum of the cosines over ordered pairs of distinct rows divided by m^2 instead of m (m - 1), as the CosReg \
              penalty has it. Rows of norm 0 are left out; m rows remain.",
        formula: "(\\|s\\|^2 - m) / m^2, \\quad s = \\sum_i x_i / \\|x_i\\|",
        reference: "CosReg in the code of Rudman & Eickhoff 2024 (I-STAR, ICLR)",
        ..OpMeta::DEFAULT
    };
    type Params = NoParams;

    fn open(_: NoParams) -> Result<Self> {
        Ok(Self)
    }

    fn measure(&self, m: &Moments<'_>, out: &mut Out<'_>) -> Result<()> {
        let direction = m.direction()?;
        let rows = directed_rows(m, &direction);
        if rows < 2 {
            return out.null("angular.avg_cosine_n2", FEW_ROWS);
        }
        let count = rows as f64;
        let square = inner(&direction.unit_sum, &direction.unit_sum);
        out.value("angular.avg_cosine_n2", mean_cosine(square, count) * (count - 1.0) / count)
    }
}
