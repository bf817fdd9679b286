//! Fisher's criterion: how far classes lie apart in units of their own spread.

use isoscope_plugin_sdk::prelude::*;

use crate::labels::{Side, keyed};
use crate::scatter::{Scatter, Spread, picked};

/// Single-precision rounding: rows come from encoders that compute in f32.
const F32_EPSILON: f64 = 1.2e-7;

params! {
    /// Parameters of Fisher's criterion.
    pub struct FisherParams {
        /// Column of the labels: texts or whole numbers.
        label: String = "label";
    }
}

/// The trace of the within-class scatter's inverse times the between-class scatter.
#[derive(Debug)]
pub struct Fisher {
    label: String,
    cols: usize,
    linalg: Linalg,
}

const TRACE: &str = "probe.fisher_trace";
const RANK: &str = "probe.fisher_within_rank";
const CLASSES: &str = "probe.fisher_classes";
const EVERY: &[Invariance] =
    &[Invariance::Rotation, Invariance::Translation, Invariance::Scale, Invariance::Permutation];

impl Op for Fisher {
    const META: OpMeta = OpMeta {
        id: "probe.fisher",
        kind: Kind::Probe,
        version: 1,
        needs: Needs::Rows,
        columns: &["split", "$label"],
        outputs: &[
            Output::scalar(TRACE).range("[0, inf)").better(Better::Higher).invariant(EVERY),
            Output::scalar(RANK).unit("dimensions").range("0..").invariant(&[
                Invariance::Translation,
                Invariance::Scale,
                Invariance::Permutation,
            ]),
            Output::scalar(CLASSES).range("0..").invariant(EVERY),
        ],
        doc: "Separation of the classes on the training rows: the trace of the inverse within-class scatter times the \
              between-class scatter, both sums over rows. Any invertible linear map of the rows leaves it as it is. Dimensions \
              are first divided by the root of their total scatter; an eigenvalue of the within-class scatter is then zero when it is \
              below (d · 1.2e-7)² of the largest. Directions in which neither class means nor rows vary are left out; when \
              class means differ where no row varies around its class mean (as with fewer rows than dimensions) the trace is \
              infinite, hence null.",
        formula: "\\text{tr}(S_w^{-1} S_b), \\quad S_w = \\sum_i (x_i - \\mu_{y_i})(x_i - \\mu_{y_i})^\\top, \\quad \
                  S_b = \\sum_k n_k (\\mu_k - \\mu)(\\mu_k - \\mu)^\\top",
        reference: "Fukunaga 1990, Introduction to Statistical Pattern Recognition, equation 10.5 (J1)",
        ..OpMeta::DEFAULT
    };
    type Params = FisherParams;
    type Model = ();
    type State = Scatter;

    fn open(params: FisherParams, input: &Input, host: &Host) -> Result<Self> {
        let cols = input.cols.first().copied().unwrap_or(0);
        Ok(Self { label: params.label, cols, linalg: host.linalg() })
    }

    fn begin(&self, (): &(), _pass: u32) -> Result<Scatter> {
        Ok(Scatter::new(Spread::Full, self.cols))
    }

    fn update(&self, (): &(), state: &mut Scatter, batch: &Batch<'_>) -> Result<()> {
        let mut rows = keyed(batch, &[&self.label])?;
        rows.retain(|row| row.side == Side::Train);
        let places: Vec<usize> = rows.iter().map(|row| row.row).collect();
        let groups: Vec<&str> = rows.iter().map(|row| row.keys[0].as_ref()).collect();
        state.absorb(picked(batch.rows(), &places, 0), &groups, self.linalg)
    }

    fn merge(&self, (): &(), state: &mut Scatter, other: Scatter) -> Result<()> {
        state.merge(other, self.linalg)
    }

    fn finish(&self, (): &(), state: Scatter, out: &mut Out<'_>) -> Result<Next<()>> {
        out.set_n(state.n());
        out.value(CLASSES, state.groups.len() as f64)?;
        let reason = match state.groups.len() {
            0 => Some("no training row has a label".to_owned()),
            1 => {
                state.groups.keys().next().map(|only| format!("all training rows have the label \"{only}\""))
            }
            _ => None,
        };
        if let Some(reason) = reason {
            out.null(TRACE, &reason)?;
            out.null(RANK, &reason)?;
            return Ok(Next::Done(()));
        }
        let (trace, rank) = self.trace(&state)?;
        out.value(RANK, rank as f64)?;
        match trace {
            Ok(trace) => out.value(TRACE, trace)?,
            Err(reason) => out.null(TRACE, &reason)?,
        }
        Ok(Next::Done(()))
    }
}

impl Fisher {
    /// Computes the trace, or says why it is infinite, and the rank of the within-class scatter.
    fn trace(&self, state: &Scatter) -> Result<(core::result::Result<f64, String>, usize)> {
        let centre = state.mean();
        // Rows √n_k (μ_k − μ): their products are the between-class scatter.
        let mut between = Array2::zeros((state.groups.len(), self.cols));
        for (mut row, group) in between.rows_mut().into_iter().zip(state.groups.values()) {
            let weight = (group.n as f64).sqrt();
            row.indexed_iter_mut().for_each(|(j, x)| *x = weight * (group.mean[j] - centre[j]));
        }
        let squares = state.squares();
        let scale: Vec<f64> = (0..self.cols)
            .map(|j| {
                let total = squares[j] + between.column(j).iter().map(|x| x * x).sum::<f64>();
                if total > 0.0 { total.sqrt().recip() } else { 0.0 }
            })
            .collect();
        let mut within = state.products()?.to_owned();
        within.indexed_iter_mut().for_each(|((i, j), x)| *x *= scale[i] * scale[j]);
        between.indexed_iter_mut().for_each(|((_, j), x)| *x *= scale[j]);
        let (values, vectors) = self.linalg.eigh(within.view())?;
        let largest = values.first().copied().unwrap_or(0.0).max(0.0);
        let floor = (self.cols as f64 * F32_EPSILON).powi(2);
        let rank = values.iter().filter(|value| **value > floor * largest).count();
        let along = self.linalg.matmul(between.view(), vectors.t())?;
        let energy = |k: usize| along.column(k).iter().map(|x| x * x).sum::<f64>();
        let lost: f64 = (rank..self.cols).map(energy).sum();
        let all: f64 = (0..self.cols).map(energy).sum();
        if lost > floor.max(f64::EPSILON) * all.max(largest) {
            return Ok((
                Err(format!(
                    "infinite: class means differ where no row varies around its class mean; the within-class scatter of \
                     {} rows has rank {rank} of {}",
                    state.n(),
                    self.cols
                )),
                rank,
            ));
        }
        Ok((Ok((0..rank).map(|k| energy(k) / values[k]).sum()), rank))
    }
}
