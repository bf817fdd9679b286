//! Central sums of two row-aligned views up to the fourth order, as debiased CKA needs them.

use isoscope_plugin_sdk::prelude::*;
use ndarray::aview1;

use crate::rows::inner;

/// Sums over the centred rows p (of width d) and q (of width e) of two views, or of one view twice.
///
/// Orders three and four are kept so that the sums can be moved to another centre exactly: one pass is
/// enough, and the values are those around the mean of all rows, however the rows were cut.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Joint {
    /// d×e, row-major; Σ p qᵀ.
    scatter: Vec<f64>,
    /// d; Σ |q|² p.
    left: Vec<f64>,
    /// e; Σ |p|² q.
    right: Vec<f64>,
    /// Σ |p|² |q|².
    fourth: f64,
}

/// Centred rows (n×d) with their squared norms.
pub(crate) struct Centred {
    pub(crate) rows: Array2<f64>,
    pub(crate) squares: Vec<f64>,
}

impl Joint {
    /// Sums over centred rows.
    ///
    /// # Errors
    /// [`Error::Failed`] when the host's product fails.
    pub(crate) fn of(linalg: Linalg, p: &Centred, q: &Centred) -> Result<Self> {
        let weighted = |weights: &[f64], rows: &Array2<f64>| -> Result<Vec<f64>> {
            let weights = aview1(weights).insert_axis(ndarray::Axis(0));
            Ok(linalg.matmul(weights, rows.view())?.into_raw_vec_and_offset().0)
        };
        Ok(Self {
            scatter: linalg.matmul(p.rows.t(), q.rows.view())?.into_raw_vec_and_offset().0,
            left: weighted(&q.squares, &p.rows)?,
            right: weighted(&p.squares, &q.rows)?,
            fourth: inner(&p.squares, &q.squares),
        })
    }

    /// Moves the centre: p becomes p + e and q becomes q + f in every one of the n rows. `p_squares` and
    /// `q_squares` are Σ|p|² and Σ|q|² around the old centre, where Σp and Σq are zero.
    pub(crate) fn shift(&mut self, n: f64, e: &[f64], f: &[f64], p_squares: f64, q_squares: f64) {
        let (ee, ff) = (inner(e, e), inner(f, f));
        if ee <= 0.0 && ff <= 0.0 {
            return;
        }
        let mut sum_f = vec![0.0; e.len()];
        let mut sum_e = vec![0.0; f.len()];
        for ((row, e), sum_f) in self.scatter.chunks_exact_mut(f.len().max(1)).zip(e).zip(&mut sum_f) {
            *sum_f = inner(row, f);
            for ((value, f), sum_e) in row.iter_mut().zip(f).zip(&mut sum_e) {
                *sum_e += e * *value;
                *value += n * e * f;
            }
        }
        self.fourth += 2.0 * (inner(f, &self.right) + inner(e, &self.left) + 2.0 * inner(e, &sum_f))
            + ff * p_squares
            + ee * q_squares
            + n * ee * ff;
        for ((left, e), sum_f) in self.left.iter_mut().zip(e).zip(&sum_f) {
            *left += e * q_squares + 2.0 * sum_f + n * ff * e;
        }
        for ((right, f), sum_e) in self.right.iter_mut().zip(f).zip(&sum_e) {
            *right += f * p_squares + 2.0 * sum_e + n * ee * f;
        }
    }

    /// Adds the sums of other rows around the same centre.
    pub(crate) fn add(&mut self, other: &Self) {
        let add = |mine: &mut Vec<f64>, more: &Vec<f64>| mine.iter_mut().zip(more).for_each(|(a, b)| *a += b);
        add(&mut self.scatter, &other.scatter);
        add(&mut self.left, &other.left);
        add(&mut self.right, &other.right);
        self.fourth += other.fourth;
    }

    /// Views Σ p qᵀ, d×e.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the sizes disagree, as a state of another op would give.
    pub(crate) fn scatter(&self) -> Result<ArrayView2<'_, f64>> {
        ArrayView2::from_shape((self.left.len(), self.right.len()), &self.scatter)
            .map_err(|_| Error::invalid("the joint scatter does not fit the widths of the views"))
    }

    /// Returns the trace of Σ p qᵀ; of one view twice it is Σ|p|².
    pub(crate) fn trace(&self) -> f64 {
        self.scatter.iter().step_by(self.right.len() + 1).sum()
    }

    /// Returns the Frobenius norm of Σ p qᵀ.
    pub(crate) fn norm(&self) -> f64 {
        inner(&self.scatter, &self.scatter).sqrt()
    }

    /// Returns Σ |p|² |q|².
    pub(crate) fn fourth(&self) -> f64 {
        self.fourth
    }

    /// Returns d and e.
    pub(crate) fn widths(&self) -> (usize, usize) {
        (self.left.len(), self.right.len())
    }
}
