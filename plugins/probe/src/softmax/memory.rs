//! The limited memory of L-BFGS.

use std::collections::VecDeque;

use isoscope_plugin_sdk::prelude::*;

use super::curvature::Curvature;

/// Numbers that the memory may hold: it travels with every pass.
const MOST_NUMBERS: usize = 1 << 22;

/// A step and the change of the gradient along it.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    /// 1 / (step · change).
    rho: f64,
}

/// An approximate inverse Hessian: a Kronecker product, corrected by the last steps (Nocedal & Wright 2006, algorithm 7.4).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Memory {
    curvature: Curvature,
    pairs: VecDeque<Pair>,
}

impl Memory {
    pub(crate) fn new(curvature: Curvature) -> Self {
        Self { curvature, pairs: VecDeque::new() }
    }

    /// Replaces the product by that at the present weights; what was learnt from steps stays.
    pub(crate) fn renew(&mut self, curvature: Curvature) {
        self.curvature = curvature;
    }

    /// Remembers a step; one along which the gradient did not grow tells nothing.
    pub(crate) fn remember(&mut self, step: Vec<f64>, change: Vec<f64>) {
        let product = inner(&step, &change);
        if product <= 0.0 || !(1.0 / product).is_finite() {
            return;
        }
        let most = (MOST_NUMBERS / (2 * step.len().max(1))).clamp(3, 12);
        if self.pairs.len() == most {
            self.pairs.pop_front();
        }
        self.pairs.push_back(Pair { step, change, rho: 1.0 / product });
    }

    /// Multiplies a gradient by the inverse Hessian.
    ///
    /// # Errors
    /// As [`Curvature::solve`].
    pub(crate) fn solve(&self, gradient: &[f64], linalg: Linalg) -> Result<Vec<f64>> {
        let mut q = gradient.to_vec();
        let mut taken = Vec::new();
        for pair in self.pairs.iter().rev() {
            let alpha = pair.rho * inner(&pair.step, &q);
            q.iter_mut().zip(&pair.change).for_each(|(q, y)| *q -= alpha * y);
            taken.push(alpha);
        }
        let mut r = self.curvature.solve(&q, linalg)?;
        for (pair, alpha) in self.pairs.iter().zip(taken.into_iter().rev()) {
            let beta = pair.rho * inner(&pair.change, &r);
            r.iter_mut().zip(&pair.step).for_each(|(r, s)| *r += (alpha - beta) * s);
        }
        Ok(r)
    }
}

/// Computes the inner product.
pub(crate) fn inner(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}
