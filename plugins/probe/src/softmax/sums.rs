//! What a shard adds up over its rows at given weights.

use isoscope_plugin_sdk::prelude::*;

use super::probabilities::Probabilities;

/// What is wanted besides the gradient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Nothing.
    Gradient,
    /// The factors of [`Curvature`](super::curvature::Curvature); S in full, or its diagonal.
    Factors { full: bool },
    /// The whole Hessian.
    Hessian,
}

/// Cross-entropy over training rows with its derivatives, in nats; no penalty.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Sums {
    /// Σ −log p.
    pub(crate) loss: f64,
    /// K×(d+1), row-major.
    pub(crate) gradient: Vec<f64>,
    /// K(d+1) squared, the blocks on and below the diagonal; empty when not wanted.
    pub(crate) hessian: Vec<f64>,
    /// Σ w z zᵀ with w = `Σ_k` `p_k(1` − `p_k`), d×d or its diagonal of d numbers; empty when not wanted.
    pub(crate) spread: Vec<f64>,
    /// Σ diag p − p pᵀ, K×K; empty when not wanted.
    pub(crate) mixing: Vec<f64>,
}

/// How well given weights predict rows.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Score {
    /// Rows whose most probable class is their own.
    pub(crate) correct: u64,
    /// Σ −log p in nats over the rows whose class is known.
    pub(crate) loss: f64,
}

impl Score {
    pub(crate) fn merge(&mut self, other: Self) {
        self.correct += other.correct;
        self.loss += other.loss;
    }

    /// Judges rows, n×(d+1); a class that is `None` was never seen in training, and its row is wrong.
    ///
    /// # Errors
    /// Passes on the failure of a product.
    pub(crate) fn absorb(
        &mut self,
        design: ArrayView2<'_, f64>,
        classes: &[Option<usize>],
        weights: ArrayView2<'_, f64>,
        linalg: Linalg,
    ) -> Result<()> {
        self.judge(&Probabilities::of(design, weights, linalg)?, classes.iter().copied());
        Ok(())
    }

    fn judge(&mut self, probabilities: &Probabilities, classes: impl Iterator<Item = Option<usize>>) {
        for (row, class) in classes.enumerate() {
            let Some(class) = class else { continue };
            self.correct += u64::from(probabilities.predicted(row) == class);
            self.loss += probabilities.loss(row, class);
        }
    }
}

impl Sums {
    /// Makes empty sums for K×(d+1) weights.
    pub(crate) fn new(classes: usize, width: usize, wanted: Wanted) -> Self {
        let (weights, d) = (classes * width, width - 1);
        let zeros = |n: usize, wanted: bool| vec![0.0; if wanted { n } else { 0 }];
        let factors = matches!(wanted, Wanted::Factors { .. });
        let spread = if wanted == (Wanted::Factors { full: true }) { d * d } else { d };
        Self {
            loss: 0.0,
            gradient: zeros(weights, true),
            hessian: zeros(weights * weights, wanted == Wanted::Hessian),
            spread: zeros(spread, factors),
            mixing: zeros(classes * classes, factors),
        }
    }

    /// Adds the sums over other rows.
    ///
    /// # Errors
    /// Refuses sums of another shape.
    pub(crate) fn merge(&mut self, other: &Self) -> Result<()> {
        self.loss += other.loss;
        add(&mut self.gradient, &other.gradient)?;
        add(&mut self.hessian, &other.hessian)?;
        add(&mut self.spread, &other.spread)?;
        add(&mut self.mixing, &other.mixing)
    }

    /// Absorbs training rows, n×(d+1) with a last column of ones, at weights K×(d+1); answers their score.
    ///
    /// # Errors
    /// Passes on the failure of a product.
    pub(crate) fn absorb(
        &mut self,
        design: ArrayView2<'_, f64>,
        classes: &[usize],
        weights: ArrayView2<'_, f64>,
        linalg: Linalg,
    ) -> Result<Score> {
        let probabilities = Probabilities::of(design, weights, linalg)?;
        let mut score = Score::default();
        score.judge(&probabilities, classes.iter().copied().map(Some));
        self.loss += score.loss;
        let mut p = probabilities.values();
        if !self.hessian.is_empty() {
            self.add_hessian(design, p.view(), &probabilities, linalg)?;
        }
        if !self.mixing.is_empty() {
            self.add_factors(design, p.view(), &probabilities, linalg)?;
        }
        for (row, &class) in classes.iter().enumerate() {
            p[[row, class]] = -probabilities.complement(row, class, p[[row, class]]);
        }
        let gradient = linalg.matmul(p.t(), design)?;
        self.gradient.iter_mut().zip(&gradient).for_each(|(sum, x)| *sum += x);
        Ok(score)
    }

    /// Adds Σ `p_k(δ_kl` − `p_l`) z zᵀ for every pair of classes k ≥ l.
    fn add_hessian(
        &mut self,
        design: ArrayView2<'_, f64>,
        p: ArrayView2<'_, f64>,
        probabilities: &Probabilities,
        linalg: Linalg,
    ) -> Result<()> {
        let (classes, width) = (p.ncols(), design.ncols());
        let side = classes * width;
        for k in 0..classes {
            for l in 0..=k {
                let mut weighted = design.to_owned();
                for (i, mut row) in weighted.rows_mut().into_iter().enumerate() {
                    let other = if k == l { probabilities.complement(i, k, p[[i, k]]) } else { -p[[i, l]] };
                    row *= p[[i, k]] * other;
                }
                let block = linalg.matmul(weighted.t(), design)?;
                for ((i, j), x) in block.indexed_iter() {
                    self.hessian[(k * width + i) * side + l * width + j] += x;
                }
            }
        }
        Ok(())
    }

    fn add_factors(
        &mut self,
        design: ArrayView2<'_, f64>,
        p: ArrayView2<'_, f64>,
        probabilities: &Probabilities,
        linalg: Linalg,
    ) -> Result<()> {
        let (classes, d) = (p.ncols(), design.ncols() - 1);
        let products = linalg.matmul(p.t(), p)?;
        for ((k, l), x) in products.indexed_iter().filter(|((k, l), _)| k != l) {
            self.mixing[k * classes + l] -= x;
        }
        let mut weighted = design.to_owned();
        for (i, mut row) in weighted.rows_mut().into_iter().enumerate() {
            let mut weight = 0.0;
            for k in 0..classes {
                let uncertain = p[[i, k]] * probabilities.complement(i, k, p[[i, k]]);
                self.mixing[k * classes + k] += uncertain;
                weight += uncertain;
            }
            row *= weight;
        }
        if self.spread.len() == d {
            for (weighted, row) in weighted.rows().into_iter().zip(design.rows()) {
                let squares = weighted.iter().zip(row).map(|(a, b)| a * b);
                self.spread.iter_mut().zip(squares).for_each(|(sum, x)| *sum += x);
            }
            return Ok(());
        }
        let products = linalg.matmul(weighted.t(), design)?;
        for (sums, products) in self.spread.chunks_exact_mut(d).zip(products.rows()) {
            sums.iter_mut().zip(products).for_each(|(sum, x)| *sum += x);
        }
        Ok(())
    }
}

/// Adds numbers to as many others.
fn add(mine: &mut [f64], more: &[f64]) -> Result<()> {
    if mine.len() != more.len() {
        return Err(Error::invalid("sums of another shape cannot be merged"));
    }
    mine.iter_mut().zip(more).for_each(|(mine, more)| *mine += more);
    Ok(())
}
