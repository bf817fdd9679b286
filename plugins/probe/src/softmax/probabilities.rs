//! Probabilities of classes that keep their digits where one class is all but certain.

use isoscope_plugin_sdk::prelude::*;

/// Difference of log-probabilities below which classes tie; the first class in order then wins. It is above what training
/// leaves undecided and what another order of summation changes.
const TIE: f64 = 1e-7;

/// Probabilities of the classes of some rows under given weights.
///
/// Every row is taken relative to its most probable class m, with t = Σ_{k≠m} `e^{x_k` − `x_m}`: then −log `p_m` = log(1 + t) and
/// 1 − `p_m` = t/(1 + t) are exact to rounding even where `p_m` itself rounds to 1.
pub(crate) struct Probabilities {
    /// Logits less that of the most probable class, n×K.
    relative: Array2<f64>,
    /// The most probable class of each row, and its t.
    top: Vec<(usize, f64)>,
}

impl Probabilities {
    /// Predicts rows, n×(d+1), under weights, K×(d+1).
    ///
    /// # Errors
    /// Passes on the failure of a product.
    pub(crate) fn of(
        design: ArrayView2<'_, f64>,
        weights: ArrayView2<'_, f64>,
        linalg: Linalg,
    ) -> Result<Self> {
        let mut relative = linalg.matmul(design, weights.t())?;
        let mut top = Vec::with_capacity(relative.nrows());
        for mut row in relative.rows_mut() {
            let most = (0..row.len()).fold(0, |most, k| if row[k] > row[most] { k } else { most });
            let logit = row[most];
            row.mapv_inplace(|x| x - logit);
            let others = row.indexed_iter().filter(|(k, _)| *k != most);
            top.push((most, others.map(|(_, x)| x.exp()).sum()));
        }
        Ok(Self { relative, top })
    }

    /// −log p of a class of a row, in nats.
    pub(crate) fn loss(&self, row: usize, class: usize) -> f64 {
        self.top[row].1.ln_1p() - self.relative[[row, class]]
    }

    /// The predicted class: the first of those that tie for the highest probability.
    pub(crate) fn predicted(&self, row: usize) -> usize {
        self.relative.row(row).iter().position(|x| *x >= -TIE).unwrap_or(0)
    }

    /// p of every class and row, n×K.
    pub(crate) fn values(&self) -> Array2<f64> {
        let mut p = self.relative.mapv(f64::exp);
        p.rows_mut().into_iter().zip(&self.top).for_each(|(mut row, (_, t))| row /= 1.0 + t);
        p
    }

    /// 1 − p of a class of a row, whose p is given.
    pub(crate) fn complement(&self, row: usize, class: usize, p: f64) -> f64 {
        match self.top[row] {
            (most, t) if most == class => t / (1.0 + t),
            _ => 1.0 - p,
        }
    }
}
