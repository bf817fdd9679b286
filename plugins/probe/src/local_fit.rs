//! A softmax probe trained on rows that are all at hand.

use isoscope_plugin_sdk::prelude::*;

use crate::scatter::{Scatter, Spread};
use crate::softmax::{FULL_SCATTER_LIMIT, Fit, Score, Space, Step, untrainable};
use crate::training::not_converged;

/// A trained probe over the classes that its rows have.
#[derive(Debug)]
pub(crate) struct LocalFit {
    space: Space,
    /// Place of each class among those trained; `None` for a class that no row has.
    places: Vec<Option<usize>>,
    /// `None` when the rows have a single class.
    fit: Option<Fit>,
}

impl LocalFit {
    /// Trains on rows, n×d with n above 0, of classes `0..classes`. An inner error says why there is no probe.
    ///
    /// # Errors
    /// Passes on the failure of a product or a decomposition.
    pub(crate) fn train(
        rows: ArrayView2<'_, f64>,
        labels: &[usize],
        names: &[String],
        l2: f64,
        iterations: u64,
        linalg: Linalg,
    ) -> Result<core::result::Result<Self, String>> {
        let d = rows.ncols();
        let mut counts = vec![0_u64; names.len()];
        for &label in labels {
            counts[label] += 1;
        }
        let mut places = vec![None; names.len()];
        let seen: Vec<usize> = (0..names.len()).filter(|&class| counts[class] > 0).collect();
        seen.iter().enumerate().for_each(|(place, &class)| places[class] = Some(place));
        let spread = if d <= FULL_SCATTER_LIMIT { Spread::Full } else { Spread::Diagonal };
        let mut moments = Scatter::new(spread, d);
        moments.absorb(rows.to_owned(), &vec![""; rows.nrows()], linalg)?;
        let space = Space::of(&moments, false);
        if seen.len() < 2 {
            return Ok(Ok(Self { space, places, fit: None }));
        }
        if let Some(reason) = untrainable(names, d) {
            return Ok(Err(reason));
        }
        let counts: Vec<u64> = seen.iter().map(|&class| counts[class]).collect();
        let mut fit = Fit::new(&counts, &moments, &space, l2, spread == Spread::Full, linalg)?;
        let design = space.design(rows, &(0..rows.nrows()).collect::<Vec<_>>())?;
        let labels: Vec<usize> = labels.iter().filter_map(|&label| places[label]).collect();
        for _ in 0..iterations {
            let mut sums = fit.sums();
            sums.absorb(design.view(), &labels, fit.weights()?, linalg)?;
            match fit.advance(&sums, linalg)? {
                Step::Again => {}
                Step::Converged => return Ok(Ok(Self { space, places, fit: Some(fit) })),
                Step::Stuck(reason) => return Ok(Err(reason)),
            }
        }
        Ok(Err(not_converged(iterations, fit.decrement())))
    }

    /// Classes that the training rows have.
    pub(crate) fn seen(&self) -> usize {
        self.places.iter().flatten().count()
    }

    /// Whether a training row has the class.
    pub(crate) fn knows(&self, class: usize) -> bool {
        self.places[class].is_some()
    }

    /// Σ −log₂ p over the rows of known classes, among the known classes.
    ///
    /// # Errors
    /// Passes on the failure of a product.
    pub(crate) fn bits(&self, rows: ArrayView2<'_, f64>, labels: &[usize], linalg: Linalg) -> Result<f64> {
        let Some(fit) = &self.fit else { return Ok(0.0) };
        let design = self.space.design(rows, &(0..rows.nrows()).collect::<Vec<_>>())?;
        let classes: Vec<Option<usize>> = labels.iter().map(|&label| self.places[label]).collect();
        let mut score = Score::default();
        score.absorb(design.view(), &classes, fit.weights()?, linalg)?;
        Ok(score.loss / core::f64::consts::LN_2)
    }
}

#[cfg(test)]
mod tests {
    use isoscope_plugin_sdk::testing::native_host;

    use super::*;
    use crate::hash;

    /// Rows of some classes whose means differ by about their spread, over dimensions of very different variance.
    fn rows(n: usize, d: usize, classes: usize) -> (Array2<f64>, Vec<usize>) {
        let draw = |i: usize, j: usize| hash::unit(hash::of_number(i as u64, j as u64)) - 0.5;
        let labels: Vec<usize> = (0..n).map(|i| (i * i + i / 3) % classes).collect();
        let x = Array2::from_shape_fn((n, d), |(i, j)| {
            100.0 + (draw(i, j) + draw(n + labels[i], j)) * 30.0 / (1.0 + j as f64)
        });
        (x, labels)
    }

    /// Largest share of the gradient of the objective in the gradient that its parts would have alone.
    fn leftover(x: &Array2<f64>, labels: &[usize], classes: usize, l2: f64) -> f64 {
        let linalg = native_host().linalg();
        let names: Vec<String> = (0..classes).map(|k| format!("{k:03}")).collect();
        let trained = LocalFit::train(x.view(), labels, &names, l2, 500, linalg).unwrap().unwrap();
        let fit = trained.fit.unwrap();
        let weights = fit.weights().unwrap();
        let design = trained.space.design(x.view(), &(0..labels.len()).collect::<Vec<_>>()).unwrap();
        let mut sums = fit.sums();
        sums.absorb(design.view(), labels, weights, linalg).unwrap();
        let penalty = |k: usize, j: usize| if j + 1 < weights.ncols() { l2 * weights[[k, j]] } else { 0.0 };
        let scale = sums.gradient.iter().fold(0.0, |most: f64, g| most.max(g.abs()));
        weights
            .indexed_iter()
            .map(|((k, j), _)| (sums.gradient[k * weights.ncols() + j] + penalty(k, j)).abs() / scale)
            .fold(0.0, f64::max)
    }

    #[test]
    fn newton_and_lbfgs_end_where_the_gradient_vanishes() {
        for (n, d, classes) in [(200, 6, 3), (300, 40, 12)] {
            let (x, labels) = rows(n, d, classes);
            for l2 in [0.01, 1.0] {
                let left = leftover(&x, &labels, classes, l2);
                assert!(left < 1e-5, "{n}×{d}, {classes} classes, l2 {l2}: {left}");
            }
        }
    }
}
