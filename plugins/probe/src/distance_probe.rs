//! The matrix B of the structural probe: squared distances `‖Bᵀ(h_i − h_j)‖²` that stand for distances in the tree.

use isoscope_plugin_sdk::prelude::*;
use ndarray::Axis;

use crate::hash;
use crate::sentences::Sentence;

/// Bound of the uniform distribution of the first weights.
const FIRST_WEIGHT: f64 = 0.05;

/// Gain of the held-out loss below which an epoch counts as none, and epochs without gain after which training ends.
const GAIN: f64 = 1e-4;
const PATIENCE: u64 = 5;

/// Factor of the learning rate after an epoch whose held-out loss is not below the best by a share of `GAIN`.
const DECAY: f64 = 0.1;

/// One sentence of so many is held out of training.
const HELD_OUT: u64 = 10;

/// How B is trained.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Schedule {
    pub(crate) rank: usize,
    pub(crate) epochs: u64,
    pub(crate) batch: usize,
    pub(crate) learning_rate: f64,
    pub(crate) seed: u64,
}

/// Computes the squared distances between the words of a sentence from their images, n×rank: n×n.
pub(crate) fn squared_distances(images: ArrayView2<'_, f64>) -> Array2<f64> {
    let n = images.nrows();
    let mut distances = Array2::zeros((n, n));
    for i in 0..n {
        for j in 0..i {
            let square: f64 = images.row(i).iter().zip(images.row(j)).map(|(a, b)| (a - b).powi(2)).sum();
            distances[[i, j]] = square;
            distances[[j, i]] = square;
        }
    }
    distances
}

/// Σ over pairs of words |d − gold| / n².
pub(crate) fn l1_loss(distances: ArrayView2<'_, f64>, gold: ArrayView2<'_, f64>) -> f64 {
    let sum: f64 = distances.iter().zip(gold).map(|(d, gold)| (d - gold).abs()).sum();
    sum / (gold.nrows() as f64).powi(2)
}

/// Trains B, d×rank, on sentences of rows, n×d. `None` when training leaves the range of numbers.
///
/// Adam on batches of sentences in an order drawn anew each epoch; the learning rate falls tenfold after an epoch without
/// gain on the held-out tenth of the sentences, and training ends after five. B is that of the best epoch. Where the tenth
/// is empty the training sentences themselves are held out.
///
/// # Errors
/// Passes on the failure of a product.
pub(crate) fn train(
    rows: ArrayView2<'_, f64>,
    sentences: &[Sentence],
    schedule: Schedule,
    linalg: Linalg,
) -> Result<Option<Array2<f64>>> {
    let seed = schedule.seed;
    let tenth = |s: &&Sentence| hash::of_number(seed ^ 1, s.id.cast_unsigned()).is_multiple_of(HELD_OUT);
    let (held_out, mut own): (Vec<&Sentence>, Vec<&Sentence>) = sentences.iter().partition(tenth);
    let held_out = if held_out.is_empty() || own.is_empty() {
        own = sentences.iter().collect();
        own.clone()
    } else {
        held_out
    };
    let shape = (rows.ncols(), schedule.rank);
    let mut place = 0;
    let mut b = Array2::from_shape_simple_fn(shape, || {
        place += 1;
        FIRST_WEIGHT * (2.0 * hash::unit(hash::of_number(seed, place)) - 1.0)
    });
    let mut adam = Adam::new(shape, schedule.learning_rate);
    let (mut best, mut best_loss, mut best_epoch) = (b.clone(), f64::INFINITY, 0);
    let mut plateau = f64::INFINITY;
    for epoch in 0..schedule.epochs {
        own.sort_by_key(|s| (hash::of_number(hash::of_number(seed ^ 2, epoch), s.id.cast_unsigned()), s.id));
        for batch in own.chunks(schedule.batch) {
            let gradient = gradient(rows, batch, b.view(), linalg)?;
            adam.step(&mut b, &gradient);
        }
        let loss = mean_loss(rows, &held_out, b.view(), linalg)?;
        if !loss.is_finite() {
            return Ok(None);
        }
        if loss < best_loss - GAIN {
            (best, best_loss, best_epoch) = (b.clone(), loss, epoch);
        } else if epoch - best_epoch >= PATIENCE {
            break;
        }
        if loss < plateau * (1.0 - GAIN) {
            plateau = loss;
        } else {
            adam.rate *= DECAY;
        }
    }
    Ok(Some(best))
}

/// Places of all words of some sentences, one sentence after the other.
fn places(batch: &[&Sentence]) -> Vec<usize> {
    batch.iter().flat_map(|sentence| sentence.rows.iter().copied()).collect()
}

fn mean_loss(
    rows: ArrayView2<'_, f64>,
    sentences: &[&Sentence],
    b: ArrayView2<'_, f64>,
    linalg: Linalg,
) -> Result<f64> {
    let mut sum = 0.0;
    for sentence in sentences {
        let images = linalg.matmul(rows.select(Axis(0), &sentence.rows).view(), b)?;
        sum += l1_loss(squared_distances(images.view()).view(), sentence.tree.distances.view());
    }
    Ok(sum / sentences.len() as f64)
}

/// Computes the gradient of the mean loss of some sentences by B, d×rank.
fn gradient(
    rows: ArrayView2<'_, f64>,
    batch: &[&Sentence],
    b: ArrayView2<'_, f64>,
    linalg: Linalg,
) -> Result<Array2<f64>> {
    let words = rows.select(Axis(0), &places(batch));
    let images = linalg.matmul(words.view(), b)?;
    let mut by_image = Array2::<f64>::zeros(images.dim());
    let mut first = 0;
    for sentence in batch {
        let n = sentence.rows.len();
        // Each pair counts twice in the loss, and the square brings another 2.
        let weight = 4.0 / ((n * n) as f64 * batch.len() as f64);
        for i in 0..n {
            for j in 0..i {
                let difference = &images.row(first + i) - &images.row(first + j);
                let error = difference.iter().map(|x| x * x).sum::<f64>() - sentence.tree.distances[[i, j]];
                let sign = if error == 0.0 { 0.0 } else { weight * error.signum() };
                by_image.row_mut(first + i).scaled_add(sign, &difference);
                by_image.row_mut(first + j).scaled_add(-sign, &difference);
            }
        }
        first += n;
    }
    linalg.matmul(words.t(), by_image.view())
}

/// Adam with its usual constants (Kingma & Ba 2015, algorithm 1).
struct Adam {
    rate: f64,
    first: Array2<f64>,
    second: Array2<f64>,
    steps: i32,
}

impl Adam {
    const BETA_1: f64 = 0.9;
    const BETA_2: f64 = 0.999;
    const EPSILON: f64 = 1e-8;

    fn new(shape: (usize, usize), rate: f64) -> Self {
        Self { rate, first: Array2::zeros(shape), second: Array2::zeros(shape), steps: 0 }
    }

    fn step(&mut self, weights: &mut Array2<f64>, gradient: &Array2<f64>) {
        self.steps = self.steps.saturating_add(1);
        let rate = self.rate / (1.0 - Self::BETA_1.powi(self.steps));
        let unbiased = 1.0 - Self::BETA_2.powi(self.steps);
        let moments = self.first.iter_mut().zip(&mut self.second);
        for ((w, g), (m, v)) in weights.iter_mut().zip(gradient).zip(moments) {
            *m += (1.0 - Self::BETA_1) * (g - *m);
            *v += (1.0 - Self::BETA_2) * (g * g - *v);
            *w -= rate * *m / ((*v / unbiased).sqrt() + Self::EPSILON);
        }
    }
}

#[cfg(test)]
mod tests {
    use isoscope_plugin_sdk::testing::native_host;

    use super::*;
    use crate::tree::Tree;

    #[test]
    fn the_gradient_is_that_of_the_loss() {
        let linalg = native_host().linalg();
        let rows = Array2::from_shape_fn((7, 3), |(i, j)| ((i * 5 + j * 7) % 11) as f64 / 5.0 - 1.0);
        let sentence =
            |id: i64, rows: Vec<usize>, heads: &[i64]| Sentence { id, rows, tree: Tree::of(heads).unwrap() };
        let (one, two) =
            (sentence(0, vec![0, 1, 2, 3], &[2, 0, 2, 3]), sentence(1, vec![4, 5, 6], &[0, 1, 2]));
        let batch = [&one, &two];
        let b = Array2::from_shape_fn((3, 2), |(i, j)| 0.3 + 0.1 * i as f64 - 0.4 * j as f64);
        let analytic = gradient(rows.view(), &batch, b.view(), linalg).unwrap();
        for ((i, j), found) in analytic.indexed_iter() {
            let loss = |h: f64| {
                let mut moved = b.clone();
                moved[[i, j]] += h;
                mean_loss(rows.view(), &batch, moved.view(), linalg).unwrap()
            };
            let expected = (loss(1e-6) - loss(-1e-6)) / 2e-6;
            assert!((found - expected).abs() < 1e-6, "{found} {expected}");
        }
    }
}
