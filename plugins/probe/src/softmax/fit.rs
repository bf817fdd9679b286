//! From merged sums to the next weights.

use isoscope_plugin_sdk::prelude::*;

use super::curvature::Curvature;
use super::line_search::{LineSearch, Verdict};
use super::memory::{Memory, inner};
use super::sums::{Sums, Wanted};
use super::{NEWTON_LIMIT, Space};
use crate::cholesky::Cholesky;
use crate::scatter::Scatter;

/// Length of the next step in the metric of the Hessian, relative to the root of the objective, at which weights are final.
/// The cross-entropy of any rows is then off by about as much, relatively.
const CONVERGED: f64 = 1e-9;

/// The same where rounding keeps a search from going further.
const AT_ROUNDING: f64 = 1e-8;

/// Directions of L-BFGS after which the Kronecker product is taken anew at the present weights.
const RENEWAL: u64 = 10;

/// Weights on their way to the minimum. The model of a pass.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Fit {
    classes: usize,
    /// d + 1: the last column of the weights is the bias.
    width: usize,
    l2: f64,
    /// The weights of the pass, K×(d+1).
    trial: Vec<f64>,
    /// Where the search along a direction began; `None` before the first sums.
    base: Option<Base>,
    /// Directions taken so far.
    turns: u64,
    /// Whether the scatter of wide rows is kept in full.
    full: bool,
    /// `None` under Newton's method.
    memory: Option<Memory>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Base {
    weights: Vec<f64>,
    gradient: Vec<f64>,
    direction: Vec<f64>,
    /// Root of the decrease that the direction promises, relative to the root of the objective.
    decrement: f64,
    search: LineSearch,
}

/// What follows from the sums at the weights of a pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Another pass at other weights.
    Again,
    /// The weights of the pass are the minimum.
    Converged,
    /// There is no way on.
    Stuck(String),
}

impl Fit {
    /// Starts at W = 0 and b = log prior. `counts` are the training rows of each class, none of them 0; `moments` those of
    /// the training rows; `l2` is above 0.
    ///
    /// # Errors
    /// As [`Curvature::new`].
    pub(crate) fn new(
        counts: &[u64],
        moments: &Scatter,
        space: &Space,
        l2: f64,
        full: bool,
        linalg: Linalg,
    ) -> Result<Self> {
        let (classes, width) = (counts.len(), space.cols() + 1);
        let n = counts.iter().sum::<u64>() as f64;
        let prior: Vec<f64> = counts.iter().map(|&count| count as f64 / n).collect();
        let memory = if classes * width <= NEWTON_LIMIT {
            None
        } else {
            let (spread, mixing) = factors_at_start(&prior, moments, space, full)?;
            let curvature = Curvature::new(&spread, &mixing, (space.cols(), classes), l2, linalg)?;
            Some(Memory::new(
                curvature.ok_or_else(|| Error::failed("the scatter of the rows is not finite"))?,
            ))
        };
        let middle = prior.iter().map(|p| p.ln()).sum::<f64>() / classes as f64;
        let mut trial = vec![0.0; classes * width];
        prior.iter().enumerate().for_each(|(k, p)| trial[(k + 1) * width - 1] = p.ln() - middle);
        Ok(Self { classes, width, l2, trial, base: None, turns: 0, full, memory })
    }

    /// The weights at which sums are wanted, K×(d+1).
    ///
    /// # Errors
    /// Refuses a model whose sizes disagree.
    pub(crate) fn weights(&self) -> Result<ArrayView2<'_, f64>> {
        ArrayView2::from_shape((self.classes, self.width), &self.trial)
            .map_err(|_| Error::invalid("the weights of the probe do not form a matrix"))
    }

    /// Makes empty sums at the weights.
    pub(crate) fn sums(&self) -> Sums {
        let wanted = match &self.memory {
            None => Wanted::Hessian,
            Some(_) if self.turns > 0 && self.turns.is_multiple_of(RENEWAL) => {
                Wanted::Factors { full: self.full }
            }
            Some(_) => Wanted::Gradient,
        };
        Sums::new(self.classes, self.width, wanted)
    }

    /// Takes the sums over all training rows at the weights, and moves the weights.
    ///
    /// # Errors
    /// Refuses sums of another shape; passes on the failure of a product.
    pub(crate) fn advance(&mut self, sums: &Sums, linalg: Linalg) -> Result<Step> {
        if sums.gradient.len() != self.trial.len() {
            return Err(Error::invalid("the sums do not fit the weights of the probe"));
        }
        let bias = |i: usize| (i + 1).is_multiple_of(self.width);
        let penalised = || self.trial.iter().enumerate().filter(|(i, _)| !bias(*i));
        let value = sums.loss + 0.5 * self.l2 * penalised().map(|(_, w)| w * w).sum::<f64>();
        let mut gradient = sums.gradient.clone();
        penalised().for_each(|(i, w)| gradient[i] += self.l2 * w);
        if let Some(base) = &mut self.base {
            match base.search.judge(value, inner(&gradient, &base.direction)) {
                Verdict::Accepted => self.remember(&gradient),
                Verdict::Another => {
                    self.go_along();
                    return Ok(Step::Again);
                }
                Verdict::Exhausted if base.decrement <= AT_ROUNDING => return Ok(Step::Converged),
                Verdict::Exhausted => {
                    return Ok(Step::Stuck(format!(
                        "training came to a halt at a relative precision of {:.0e}, short of 1e-8",
                        base.decrement
                    )));
                }
            }
        }
        self.turn(value, gradient, sums, linalg)
    }

    /// Whether the last direction promised no more than the precision that is asked for.
    pub(crate) fn decrement(&self) -> f64 {
        self.base.as_ref().map_or(f64::INFINITY, |base| base.decrement)
    }

    /// Chooses the next direction from the weights of the pass.
    fn turn(&mut self, value: f64, gradient: Vec<f64>, sums: &Sums, linalg: Linalg) -> Result<Step> {
        if !value.is_finite() || gradient.iter().any(|g| !g.is_finite()) {
            return Ok(Step::Stuck("the cross-entropy of the training rows is not finite".to_owned()));
        }
        let solved = match &mut self.memory {
            Some(memory) => {
                if !sums.mixing.is_empty() {
                    let shape = (self.width - 1, self.classes);
                    let curvature = Curvature::new(&sums.spread, &sums.mixing, shape, self.l2, linalg)?;
                    if let Some(curvature) = curvature {
                        memory.renew(curvature);
                    }
                }
                Some(memory.solve(&gradient, linalg)?)
            }
            None => self.hessian(sums)?.and_then(|h| Cholesky::lifted(&h)).map(|h| h.solve(&gradient)),
        };
        let promise = solved.as_ref().map_or(f64::NAN, |solved| inner(solved, &gradient));
        let decrement = (promise / value).sqrt();
        // Without any gradient there is no direction, and the promise is 0.
        if decrement <= CONVERGED {
            return Ok(Step::Converged);
        }
        let Some(solved) = solved.filter(|_| decrement.is_finite()) else {
            return Ok(Step::Stuck("the curvature of the objective is lost to rounding".to_owned()));
        };
        self.base = Some(Base {
            weights: self.trial.clone(),
            gradient,
            direction: solved.into_iter().map(|x| -x).collect(),
            decrement,
            search: LineSearch::new(value, -promise),
        });
        self.turns += 1;
        self.go_along();
        Ok(Step::Again)
    }

    /// Sets the weights to the step that the search wants.
    fn go_along(&mut self) {
        if let Some(base) = &self.base {
            let t = base.search.step();
            let points = base.weights.iter().zip(&base.direction);
            self.trial = points.map(|(w, d)| w + t * d).collect();
        }
    }

    /// Lets the memory learn from an accepted step.
    fn remember(&mut self, gradient: &[f64]) {
        if let (Some(memory), Some(base)) = (&mut self.memory, &self.base) {
            let step = self.trial.iter().zip(&base.weights).map(|(a, b)| a - b).collect();
            let change = gradient.iter().zip(&base.gradient).map(|(a, b)| a - b).collect();
            memory.remember(step, change);
        }
    }

    /// Completes the Hessian: the penalty, and a wall across the common shift of all biases, along which the objective is
    /// flat and never moves.
    fn hessian(&self, sums: &Sums) -> Result<Option<Array2<f64>>> {
        let side = self.trial.len();
        let mut h = Array2::from_shape_vec((side, side), sums.hessian.clone())
            .map_err(|_| Error::invalid("the Hessian does not fit the weights of the probe"))?;
        let biases: Vec<usize> = (1..=self.classes).map(|k| k * self.width - 1).collect();
        let wall = biases.iter().map(|&i| h[[i, i]]).sum::<f64>() / (self.classes * self.classes) as f64;
        for i in 0..side {
            if !(i + 1).is_multiple_of(self.width) {
                h[[i, i]] += self.l2;
            }
        }
        for &i in &biases {
            for &j in &biases {
                h[[i, j]] += wall;
            }
        }
        Ok(h.iter().all(|x| x.is_finite()).then_some(h))
    }
}

/// The factors of the curvature at W = 0 and b = log prior, where every row has the same probabilities.
fn factors_at_start(
    prior: &[f64],
    moments: &Scatter,
    space: &Space,
    full: bool,
) -> Result<(Vec<f64>, Vec<f64>)> {
    let uncertain: f64 = prior.iter().map(|p| p * (1.0 - p)).sum();
    let spread = if full {
        let scaled = |((i, j), x): ((usize, usize), &f64)| uncertain * x * space.scale(i) * space.scale(j);
        moments.products()?.indexed_iter().map(scaled).collect()
    } else {
        let scaled = |(j, x): (usize, &f64)| uncertain * x * space.scale(j).powi(2);
        moments.squares().iter().enumerate().map(scaled).collect()
    };
    let n = moments.n() as f64;
    let mixing = prior.iter().enumerate().flat_map(|(k, p)| {
        let entry = move |(l, q): (usize, &f64)| n * if k == l { p * (1.0 - p) } else { -p * q };
        prior.iter().enumerate().map(entry)
    });
    Ok((spread, mixing.collect()))
}
