//! Squared Euclidean distances between all pairs of some rows, block by block from matrix products.

use isoscope_plugin_sdk::prelude::*;
use ndarray::{Axis, Slice};

/// Rows whose distances are computed at a time.
const BLOCK: usize = 256;

/// Squared distance, relative to the squared norms, below which the difference of products has lost digits, and the rows are
/// subtracted instead.
const NEAR: f64 = 1e-4;

/// Rows minus their mean, and their squared norms.
pub(crate) struct Distances {
    rows: Array2<f64>,
    squares: Vec<f64>,
    largest: f64,
}

impl Distances {
    /// Takes rows, m×d. Distances do not change when the mean is subtracted, but keep their digits where it is far off.
    pub(crate) fn new(mut rows: Array2<f64>) -> Self {
        if let Some(mean) = rows.mean_axis(Axis(0)) {
            rows -= &mean;
        }
        let squares: Vec<f64> = rows.outer_iter().map(|row| row.iter().map(|x| x * x).sum()).collect();
        let largest = squares.iter().copied().fold(0.0, f64::max);
        Self { rows, squares, largest }
    }

    /// Calls `visit` for every row with its squared distances to all m rows, its own 0 among them.
    pub(crate) fn each(&self, linalg: Linalg, mut visit: impl FnMut(usize, &[f64])) -> Result<()> {
        let m = self.rows.nrows();
        for start in (0..m).step_by(BLOCK) {
            let block = self.rows.slice_axis(Axis(0), Slice::from(start..m.min(start + BLOCK)));
            let mut products = linalg.matmul(block, self.rows.t())?;
            for (offset, mut row) in products.outer_iter_mut().enumerate() {
                let i = start + offset;
                for (j, entry) in row.iter_mut().enumerate() {
                    let squares = self.squares[i] + self.squares[j];
                    let distance = squares - 2.0 * *entry;
                    *entry = if distance < NEAR * squares { self.exact(i, j) } else { distance };
                }
                visit(i, row.as_slice().unwrap_or_default());
            }
        }
        Ok(())
    }

    /// Computes one squared distance from the difference of the rows.
    pub(crate) fn exact(&self, i: usize, j: usize) -> f64 {
        self.rows.row(i).iter().zip(self.rows.row(j)).map(|(a, b)| (a - b).powi(2)).sum()
    }

    /// Bounds the rounding error of the squared distances of a row.
    pub(crate) fn rounding(&self, i: usize) -> f64 {
        1e-13 * (self.squares[i] + self.largest)
    }
}
