//! The rows that have no direction.

use isoscope_plugin_sdk::prelude::*;

/// The number of rows of norm 0, which every cosine leaves out.
pub struct ZeroRows;

impl MomentMetric for ZeroRows {
    const META: OpMeta = OpMeta {
        id: "angular.zero_rows",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Moments,
        parts: &[Part::Direction],
        outputs: &[Output::scalar("angular.zero_rows").unit("rows").range("0..=n").invariant(&[
            Invariance::Rotation,
            Invariance::Scale,
            Invariance::Permutation,
        ])],
        doc: "Number of rows of norm 0. They count in the moments but have no direction, so cosines leave them out.",
        formula: "\\#\\{i : \\|x_i\\| = 0\\}",
        reference: "definition",
        ..OpMeta::DEFAULT
    };
    type Params = NoParams;

    fn open(_: NoParams) -> Result<Self> {
        Ok(Self)
    }

    fn measure(&self, m: &Moments<'_>, out: &mut Out<'_>) -> Result<()> {
        out.value("angular.zero_rows", m.direction()?.zero_rows as f64)
    }
}
