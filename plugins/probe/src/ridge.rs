//! Ridge regression of a number on the rows.

use isoscope_plugin_sdk::prelude::*;
use ndarray::{Axis, Slice};

use crate::cholesky::Cholesky;
use crate::labels::Side;
use crate::scatter::{Scatter, Spread, picked};

/// Share of the squared size of the targets below which their variation is rounding.
const CONSTANT: f64 = 1e-24;

params! {
    /// Parameters of the ridge probe.
    pub struct RidgeParams {
        /// Column of the target: floats. Rows without a finite value are left out.
        target: String = "gold";
        /// Penalty on the squared weights, at least 0; the intercept is free.
        lambda: f64 = 1.0, aliases ["l2", "alpha"];
    }
}

/// Linear regression with a squared penalty on the training rows, judged on the test rows.
#[derive(Debug)]
pub struct Ridge {
    params: RidgeParams,
    cols: usize,
    linalg: Linalg,
}

/// The regression; nothing before the first pass.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Regression {
    /// Training rows; 0 before the first pass.
    train_rows: u64,
    centre: Vec<f64>,
    target_mean: f64,
    weights: Vec<f64>,
}

/// What a shard adds up.
#[derive(Debug, Serialize, Deserialize)]
pub enum RidgeState {
    /// The first pass: scatter of rows and target together.
    Train(Scatter),
    /// The second: how well the test rows are predicted.
    Test {
        /// Squared errors.
        errors: f64,
        /// Count, mean and scatter of the targets.
        targets: Scatter,
    },
}

const R2: &str = "probe.ridge_r2";
const TRAIN_ROWS: &str = "probe.ridge_train_rows";
const TEST_ROWS: &str = "probe.ridge_test_rows";
const PLACE: &[Invariance] = &[Invariance::Rotation, Invariance::Translation, Invariance::Permutation];
const EVERY: &[Invariance] =
    &[Invariance::Rotation, Invariance::Translation, Invariance::Scale, Invariance::Permutation];

impl Op for Ridge {
    const META: OpMeta = OpMeta {
        id: "probe.ridge",
        kind: Kind::Probe,
        version: 1,
        needs: Needs::Rows,
        columns: &["split", "$target"],
        outputs: &[
            Output::scalar(R2).range("(-inf, 1]").better(Better::Higher).invariant(PLACE),
            Output::scalar(TRAIN_ROWS).unit("rows").range("0..").invariant(EVERY),
            Output::scalar(TEST_ROWS).unit("rows").range("0..").invariant(EVERY),
        ],
        doc: "Share of the variance of a number over the test rows that a ridge regression on the training rows explains, around \
              the test rows' own mean. Below 0 when the mean of the test rows would do better. The intercept is not penalised.",
        formula: "R^2 = 1 - \\frac{\\sum_{i \\in \\text{test}} (y_i - w^\\top x_i - b)^2}{\\sum_{i \\in \\text{test}} (y_i - \\bar y)^2}, \
                  \\quad w = (\\tilde X^\\top \\tilde X + \\lambda I)^{-1} \\tilde X^\\top \\tilde y",
        reference: "Hoerl & Kennard 1970 (Technometrics), equation 2.1, on centred rows",
        ..OpMeta::DEFAULT
    };
    type Params = RidgeParams;
    type Model = Regression;
    type State = RidgeState;

    fn open(params: RidgeParams, input: &Input, host: &Host) -> Result<Self> {
        if !(params.lambda >= 0.0 && params.lambda.is_finite()) {
            return Err(Error::Invalid(format!(
                "parameter \"lambda\" must be at least 0, got {}",
                params.lambda
            )));
        }
        Ok(Self { params, cols: input.cols.first().copied().unwrap_or(0), linalg: host.linalg() })
    }

    fn begin(&self, model: &Regression, _pass: u32) -> Result<RidgeState> {
        Ok(if model.train_rows == 0 {
            RidgeState::Train(Scatter::new(Spread::Full, self.cols + 1))
        } else {
            RidgeState::Test { errors: 0.0, targets: Scatter::new(Spread::Full, 1) }
        })
    }

    fn update(&self, model: &Regression, state: &mut RidgeState, batch: &Batch<'_>) -> Result<()> {
        let (split, target) = (batch.strings("split")?, batch.f64s(&self.params.target)?);
        let side = if matches!(state, RidgeState::Train(_)) { Side::Train } else { Side::Test };
        let read = |row: usize| {
            let target = target.get(row).filter(|target| target.is_finite())?;
            (Side::named(split.get(row)) == Some(side)).then_some((row, target))
        };
        let (places, targets): (Vec<usize>, Vec<f64>) = (0..batch.len()).filter_map(read).unzip();
        match state {
            RidgeState::Train(joint) => {
                let mut rows = picked(batch.rows(), &places, 1);
                let last = rows.ncols() - 1;
                rows.column_mut(last).assign(&ArrayView1::from(&targets));
                joint.absorb(rows, &vec![""; places.len()], self.linalg)
            }
            RidgeState::Test { errors, targets: scatter } => {
                let rows = batch.rows();
                for (&place, target) in places.iter().zip(&targets) {
                    let predicted = model.target_mean + model.along(rows.row(place));
                    *errors += (target - predicted).powi(2);
                }
                let n = targets.len();
                let targets = Array2::from_shape_vec((n, 1), targets)
                    .map_err(|_| Error::failed("the targets do not form a column"))?;
                scatter.absorb(targets, &vec![""; n], self.linalg)
            }
        }
    }

    fn merge(&self, _: &Regression, state: &mut RidgeState, other: RidgeState) -> Result<()> {
        match (state, other) {
            (RidgeState::Train(mine), RidgeState::Train(more)) => mine.merge(more, self.linalg),
            (
                RidgeState::Test { errors, targets },
                RidgeState::Test { errors: more, targets: more_targets },
            ) => {
                *errors += more;
                targets.merge(more_targets, self.linalg)
            }
            _ => Err(Error::invalid("states of different passes cannot be merged")),
        }
    }

    fn finish(&self, model: &Regression, state: RidgeState, out: &mut Out<'_>) -> Result<Next<Regression>> {
        match state {
            RidgeState::Train(joint) => match self.fitted(&joint)? {
                Ok(regression) => Ok(Next::Again(regression)),
                Err(reason) => {
                    out.null(R2, &reason)?;
                    out.value(TRAIN_ROWS, joint.n() as f64)?;
                    out.null(TEST_ROWS, "not counted without a regression")?;
                    Ok(Next::Done(Regression::default()))
                }
            },
            RidgeState::Test { errors, targets } => {
                let (n, square) = (targets.n(), targets.squares()[0]);
                out.set_n(n);
                if n < 2 {
                    out.null(R2, "fewer than 2 test rows have a target")?;
                } else if square <= CONSTANT * n as f64 * targets.mean()[0].powi(2) {
                    out.null(R2, "all test rows have the same target")?;
                } else {
                    out.value(R2, 1.0 - errors / square)?;
                }
                out.value(TRAIN_ROWS, model.train_rows as f64)?;
                out.value(TEST_ROWS, n as f64)?;
                Ok(Next::Done(model.clone()))
            }
        }
    }
}

impl Ridge {
    /// Solves the normal equations, or says why there is no regression.
    fn fitted(&self, joint: &Scatter) -> Result<core::result::Result<Regression, String>> {
        let (d, n) = (self.cols, joint.n());
        if n < 2 {
            return Ok(Err("fewer than 2 training rows have a target".to_owned()));
        }
        let products = joint.products()?;
        let features = Slice::from(..d);
        let mut normal = products.slice_axis(Axis(0), features).slice_axis(Axis(1), features).to_owned();
        normal.diag_mut().mapv_inplace(|x| x + self.params.lambda);
        let Some(factor) = Cholesky::of(normal) else {
            return Ok(Err(format!(
                "without a larger penalty the scatter of {n} rows in {d} dimensions is singular"
            )));
        };
        let mean = joint.mean();
        Ok(Ok(Regression {
            train_rows: n,
            centre: mean.iter().take(d).copied().collect(),
            target_mean: mean[d],
            weights: factor.solve(&products.column(d).iter().take(d).copied().collect::<Vec<_>>()),
        }))
    }
}

impl Regression {
    fn along(&self, row: ArrayView1<'_, f64>) -> f64 {
        row.iter().zip(&self.centre).zip(&self.weights).map(|((x, c), w)| w * (x - c)).sum()
    }
}
