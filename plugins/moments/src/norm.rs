//! The distribution of the norms of the rows.
//!
//! This op reads the rows in the first pass instead of the shared sums of norms: the variance as a difference of those
//! sums loses all digits when the norms vary little around a large value, and a running mean does not.

use isoscope_plugin_sdk::prelude::*;

use crate::undefined::squared_norm;

/// Mean, standard deviation, minimum and maximum of the norms of the rows.
pub struct Norm;

/// Running moments of the norms.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct NormState {
    n: u64,
    mean: f64,
    /// Sum of squared deviations from the mean.
    scatter: f64,
    min: f64,
    max: f64,
}

impl NormState {
    /// Adds the rows of another state (Chan, Golub and `LeVeque` 1979).
    fn absorb(&mut self, other: Self) {
        if other.n == 0 {
            return;
        }
        if self.n == 0 {
            *self = other;
            return;
        }
        let (a, b) = (self.n as f64, other.n as f64);
        let delta = other.mean - self.mean;
        self.mean += delta * b / (a + b);
        self.scatter += other.scatter + delta * delta * a * b / (a + b);
        self.n += other.n;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }
}

impl Op for Norm {
    const META: OpMeta = OpMeta {
        id: "moments.norm",
        kind: Kind::Metric,
        version: 1,
        needs: Needs::Rows,
        outputs: &[Output::object("moments.norm")
            .unit("embedding units")
            .range("[0, inf)")
            .invariant(&[Invariance::Rotation, Invariance::Permutation])],
        doc: "Mean, standard deviation (divisor n), minimum and maximum of the Euclidean norms of the rows.",
        formula: "\\mathrm{mean}, \\mathrm{std}, \\min, \\max \\text{ of } \\|x_i\\|_2",
        reference: "Ethayarajh 2019 (EMNLP) reports mean and std beside the cosines",
        ..OpMeta::DEFAULT
    };
    type Params = NoParams;
    type Model = ();
    type State = NormState;

    fn open(_: NoParams, _: &Input, _: &Host) -> Result<Self> {
        Ok(Self)
    }

    fn begin(&self, (): &(), _pass: u32) -> Result<NormState> {
        Ok(NormState::default())
    }

    fn update(&self, (): &(), state: &mut NormState, batch: &Batch<'_>) -> Result<()> {
        for row in batch.rows().rows() {
            let norm = squared_norm(&row).sqrt();
            state.absorb(NormState { n: 1, mean: norm, scatter: 0.0, min: norm, max: norm });
        }
        Ok(())
    }

    fn merge(&self, (): &(), state: &mut NormState, other: NormState) -> Result<()> {
        state.absorb(other);
        Ok(())
    }

    fn finish(&self, (): &(), state: NormState, out: &mut Out<'_>) -> Result<Next<()>> {
        out.set_n(state.n);
        if state.n == 0 {
            out.null("moments.norm", "no rows")?;
        } else {
            out.part("moments.norm", "mean", state.mean)?;
            out.part("moments.norm", "std", (state.scatter / state.n as f64).sqrt())?;
            out.part("moments.norm", "min", state.min)?;
            out.part("moments.norm", "max", state.max)?;
        }
        Ok(Next::Done(()))
    }
}
