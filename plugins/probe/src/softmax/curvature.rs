//! A Kronecker product in place of the Hessian, which scales the steps of L-BFGS.

use isoscope_plugin_sdk::prelude::*;
use ndarray::{Axis, Slice};

/// Share of the largest class curvature that every class curvature is held to be at least: rounding leaves no less.
const FLOOR: f64 = 1e-14;

/// The Hessian, as if how uncertain a row is were independent of between which classes it is uncertain.
///
/// With `w_i` = `Σ_k` `p_k(1` − `p_k`) the weights see S ⊗ C + l2 and the biases (Σ w) C, where S = Σ `w_i` `z_i` `z_iᵀ` and
/// C = `Σ_i` (diag `p_i` − `p_i` `p_iᵀ`) / Σ w. Where all rows have the same p, as at the start, this is the Hessian itself. Kept by
/// the eigenvectors of S and C, it is inverted at once. (Martens & Grosse 2015 factor the Fisher matrix of a layer so.)
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Curvature {
    l2: f64,
    /// Σ w.
    total: f64,
    /// Eigenvalues of S, d numbers.
    spread: Vec<f64>,
    /// Eigenvectors of S as rows, d×d; empty when dimensions are scaled one by one.
    directions: Vec<f64>,
    /// Eigenvalues of C, K numbers.
    mixing: Vec<f64>,
    /// Eigenvectors of C as rows, K×K.
    contrasts: Vec<f64>,
}

impl Curvature {
    /// Decomposes the two factors: S, d×d or its diagonal of d numbers, and (Σ w) C, K×K. `None` where rows are certain of
    /// their classes beyond rounding.
    ///
    /// # Errors
    /// Refuses factors of another shape; passes on the failure of a decomposition.
    pub(crate) fn new(
        spread: &[f64],
        mixing: &[f64],
        (d, classes): (usize, usize),
        l2: f64,
        linalg: Linalg,
    ) -> Result<Option<Self>> {
        let shape = |_| Error::invalid("the factors of the curvature do not fit the weights");
        let mixing = ArrayView2::from_shape((classes, classes), mixing).map_err(shape)?;
        let total: f64 = mixing.diag().iter().sum();
        if !(total.is_normal() && spread.iter().all(|x| x.is_finite())) {
            return Ok(None);
        }
        let (spread, directions) = if spread.len() == d && d > 1 {
            (spread.to_vec(), Vec::new())
        } else {
            let spread = ArrayView2::from_shape((d, d), spread).map_err(shape)?;
            let (values, vectors) = linalg.eigh(spread)?;
            (values.to_vec(), vectors.into_iter().collect())
        };
        let (mixing, contrasts) = linalg.eigh((&mixing / total).view())?;
        let floor = FLOOR * mixing.iter().copied().fold(0.0, f64::max);
        Ok(Some(Self {
            l2,
            total,
            spread: spread.into_iter().map(|s| s.max(0.0)).collect(),
            directions,
            mixing: mixing.into_iter().map(|c| c.max(floor)).collect(),
            contrasts: contrasts.into_iter().collect(),
        }))
    }

    /// Multiplies a gradient, K×(d+1), by the inverse. The common shift of all biases, along which the objective is flat, is
    /// left alone.
    ///
    /// # Errors
    /// Refuses a gradient of another shape; passes on the failure of a product.
    pub(crate) fn solve(&self, gradient: &[f64], linalg: Linalg) -> Result<Vec<f64>> {
        let (classes, d) = (self.mixing.len(), self.spread.len());
        let shape = |_| Error::invalid("the curvature does not fit the weights");
        let mut gradient = ArrayView2::from_shape((classes, d + 1), gradient).map_err(shape)?.to_owned();
        let contrasts = ArrayView2::from_shape((classes, classes), &self.contrasts).map_err(shape)?;
        let directions =
            ArrayView2::from_shape((d, d), &self.directions).ok().filter(|_| !self.directions.is_empty());
        let weights = Slice::from(..d);
        unshift(&mut gradient);
        let mut turned = linalg.matmul(contrasts, gradient.view())?;
        if let Some(directions) = directions {
            let along = linalg.matmul(turned.slice_axis(Axis(1), weights), directions.t())?;
            turned.slice_axis_mut(Axis(1), weights).assign(&along);
        }
        for (mut row, &c) in turned.rows_mut().into_iter().zip(&self.mixing) {
            row.iter_mut().zip(&self.spread).for_each(|(x, s)| *x /= c * s + self.l2);
            row[d] /= self.total * c;
        }
        if let Some(directions) = directions {
            let along = linalg.matmul(turned.slice_axis(Axis(1), weights), directions)?;
            turned.slice_axis_mut(Axis(1), weights).assign(&along);
        }
        let mut solved = linalg.matmul(contrasts.t(), turned.view())?;
        unshift(&mut solved);
        Ok(solved.into_iter().collect())
    }
}

/// Takes the mean off the biases, the last column.
fn unshift(weights: &mut Array2<f64>) {
    let last = weights.ncols() - 1;
    let mean = weights.column(last).sum() / weights.nrows() as f64;
    weights.column_mut(last).mapv_inplace(|b| b - mean);
}
