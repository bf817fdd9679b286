//! The spread of the single dimensions.

use isoscope_plugin_sdk::prelude::*;

use crate::undefined::FEW_ROWS;

/// Minimum, median and maximum of the standard deviations of the dimensions.
pub struct DimStd;

impl MomentMetric for DimStd {
    const META: OpMeta = OpMeta {
        id: "moments.dim_std",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Moments,
        parts: &[Part::Second],
        outputs: &[Output::object("moments.dim_std")
            .unit("embedding units")
            .range("[0, inf)")
            .invariant(&[Invariance::Translation, Invariance::Permutation])],
        doc: "Minimum, median and maximum over the dimensions of the standard deviation (divisor n).",
        formula: "\\min, \\mathrm{median}, \\max \\text{ of } \\sqrt{S_{jj} (n - 1) / n}",
        reference: "diagnostic of Zhou et al. 2021 (IsoBN, AAAI)",
        ..OpMeta::DEFAULT
    };
    type Params = NoParams;

    fn open(_: NoParams) -> Result<Self> {
        Ok(Self)
    }

    fn measure(&self, m: &Moments<'_>, out: &mut Out<'_>) -> Result<()> {
        if m.n() < 2 || m.cols() == 0 {
            return out.null("moments.dim_std", FEW_ROWS);
        }
        let n = m.n() as f64;
        let mut std: Vec<f64> = m.scatter().diag().iter().map(|s| (s.max(0.0) / n).sqrt()).collect();
        std.sort_unstable_by(f64::total_cmp);
        let half = std.len() / 2;
        let median = if std.len() % 2 == 1 { std[half] } else { f64::midpoint(std[half - 1], std[half]) };
        out.part("moments.dim_std", "min", std[0])?;
        out.part("moments.dim_std", "median", median)?;
        out.part("moments.dim_std", "max", std[std.len() - 1])
    }
}

/// The dimensions in which every row has the same value.
pub struct ConstDims;

impl MomentMetric for ConstDims {
    const META: OpMeta = OpMeta {
        id: "moments.const_dims",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Moments,
        parts: &[Part::Second, Part::Shape],
        outputs: &[Output::vector("moments.const_dims").unit("dimension").range("0..d").invariant(&[
            Invariance::Translation,
            Invariance::Scale,
            Invariance::Permutation,
        ])],
        doc: "Indices, from 0, of the dimensions whose smallest and largest value are the same.",
        formula: "\\{j : \\min_i x_{ij} = \\max_i x_{ij}\\}",
        reference: "definition",
        ..OpMeta::DEFAULT
    };
    type Params = NoParams;

    fn open(_: NoParams) -> Result<Self> {
        Ok(Self)
    }

    fn measure(&self, m: &Moments<'_>, out: &mut Out<'_>) -> Result<()> {
        if m.n() < 2 {
            return out.null_series("moments.const_dims", FEW_ROWS);
        }
        let constant = constant_dims(&m.shape()?);
        let dims: Vec<f64> =
            constant.iter().enumerate().filter(|(_, c)| **c).map(|(j, _)| j as f64).collect();
        out.series("moments.const_dims", &dims)
    }
}

/// Says of every dimension whether it is constant. Exact, unlike a test of the variance against zero.
pub(crate) fn constant_dims(shape: &ShapeSums<'_>) -> Vec<bool> {
    shape.dim_min.iter().zip(shape.dim_max.iter()).map(|(low, high)| low >= high).collect()
}
