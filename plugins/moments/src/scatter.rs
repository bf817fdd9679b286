//! The size of the centred cloud.

use isoscope_plugin_sdk::prelude::*;

use crate::undefined::FEW_ROWS;

/// Invariances of the size of the centred cloud.
const INVARIANT: &[Invariance] = &[Invariance::Rotation, Invariance::Translation, Invariance::Permutation];

/// The trace of the scatter matrix.
pub struct ScatterTrace;

impl MomentMetric for ScatterTrace {
    const META: OpMeta = OpMeta {
        id: "moments.scatter_trace",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Moments,
        parts: &[Part::Second],
        outputs: &[Output::scalar("moments.scatter_trace")
            .unit("embedding units squared")
            .range("[0, inf)")
            .invariant(INVARIANT)],
        doc: "Trace of the scatter matrix: the sum of squared distances of the rows from their mean, not divided by n.",
        formula: "\\sum_i \\|x_i - \\mu\\|_2^2",
        reference: "definition; sums merge as in Chan, Golub & LeVeque 1979",
        ..OpMeta::DEFAULT
    };
    type Params = NoParams;

    fn open(_: NoParams) -> Result<Self> {
        Ok(Self)
    }

    fn measure(&self, m: &Moments<'_>, out: &mut Out<'_>) -> Result<()> {
        if m.n() < 2 {
            return out.null("moments.scatter_trace", FEW_ROWS);
        }
        out.value("moments.scatter_trace", m.scatter().diag().sum())
    }
}

/// The Frobenius norm of the scatter matrix.
pub struct ScatterFro;

impl MomentMetric for ScatterFro {
    const META: OpMeta = OpMeta {
        id: "moments.scatter_fro",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Moments,
        parts: &[Part::Second],
        outputs: &[Output::scalar("moments.scatter_fro")
            .unit("embedding units squared")
            .range("[0, inf)")
            .invariant(INVARIANT)],
        doc: "Frobenius norm of the scatter matrix, not divided by n.",
        formula: "\\|\\tilde X^\\top \\tilde X\\|_F",
        reference: "definition",
        ..OpMeta::DEFAULT
    };
    type Params = NoParams;

    fn open(_: NoParams) -> Result<Self> {
        Ok(Self)
    }

    fn measure(&self, m: &Moments<'_>, out: &mut Out<'_>) -> Result<()> {
        if m.n() < 2 {
            return out.null("moments.scatter_fro", FEW_ROWS);
        }
        out.value("moments.scatter_fro", m.scatter().iter().map(|s| s * s).sum::<f64>().sqrt())
    }
}
