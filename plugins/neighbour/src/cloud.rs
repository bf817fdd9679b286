//! Distances between the rows of one sample: fast bounds from a product, and exact values from differences.

use isoscope_plugin_sdk::prelude::*;
use ndarray::{Axis, CowArray, Ix2, Slice};

/// Rows of one side of a block of pairs.
pub(crate) const BLOCK: usize = 512;

/// Accumulators of the exact distance; a fixed number, so that its bits depend on nothing else.
const LANES: usize = 8;

/// The rows of a sample, n×d, with what bounds on their distances need.
///
/// A product of centred rows gives squared distances as `‖a‖² + ‖b‖² − 2ab`. They differ from the sums of squared
/// differences by at most `error · (‖a‖² + ‖b‖²)`: `2γ` for the norms and the product (`γ = du / (1 − du)`, whatever the
/// order of summation), `2γ` for the sum of squares itself, and a few units u of roundoff for centring and additions.
pub(crate) struct Cloud<'a> {
    linalg: Linalg,
    rows: CowArray<'a, f64, Ix2>,
    centred: Array2<f64>,
    squares: Vec<f64>,
    error: f64,
}

impl<'a> Cloud<'a> {
    /// Prepares the rows; `None` when a squared distance is not a finite number.
    pub(crate) fn new(linalg: Linalg, rows: ArrayView2<'a, f64>) -> Option<Self> {
        let (n, d) = rows.dim();
        let mut mean = Array1::<f64>::zeros(d);
        for row in rows.rows() {
            mean += &row;
        }
        mean /= n.max(1) as f64;
        let centred = &rows - &mean;
        let squares: Vec<f64> =
            centred.rows().into_iter().map(|row| row.iter().map(|x| x * x).sum()).collect();
        let largest = squares.iter().copied().fold(0.0, f64::max);
        let finite = squares.iter().all(|square| square.is_finite());
        // The square of a distance is at most twice the sum of the squares of two rows.
        if !finite || !(4.0 * largest).is_finite() {
            return None;
        }
        let error = (4 * d + 40) as f64 * (f64::EPSILON / 2.0);
        let rows = if rows.is_standard_layout() { rows.into() } else { rows.to_owned().into() };
        Some(Self { linalg, rows, centred, squares, error })
    }

    /// Returns the number of rows.
    pub(crate) fn len(&self) -> usize {
        self.squares.len()
    }

    /// Returns the cloud of some of the rows.
    pub(crate) fn select(&self, rows: &[usize]) -> Cloud<'static> {
        Cloud {
            linalg: self.linalg,
            rows: self.rows.select(Axis(0), rows).into(),
            centred: self.centred.select(Axis(0), rows),
            squares: rows.iter().map(|i| self.squares[*i]).collect(),
            error: self.error,
        }
    }

    /// Returns the part of a lower bound on a squared distance that belongs to row i: `lower = share + share − 2ab`.
    pub(crate) fn lower_share(&self, i: usize) -> f64 {
        self.squares[i] * (1.0 - self.error)
    }

    /// Returns by how much the squared distance of two rows from the product may differ from the exact one.
    pub(crate) fn slack(&self, i: usize, j: usize) -> f64 {
        self.error * (self.squares[i] + self.squares[j])
    }

    /// Returns the squared distance of two rows from their inner product.
    pub(crate) fn square_from(&self, i: usize, j: usize, product: f64) -> f64 {
        self.squares[i] + self.squares[j] - 2.0 * product
    }

    /// Computes the squared distance of two rows as the sum of their squared differences.
    pub(crate) fn exact(&self, i: usize, j: usize) -> f64 {
        match (self.rows.row(i).as_slice(), self.rows.row(j).as_slice()) {
            (Some(a), Some(b)) => squared_distance(a, b),
            // The rows are stored one after the other, so this is never reached.
            _ => f64::INFINITY,
        }
    }

    /// Visits every unordered pair of blocks once with the inner products of their centred rows: the first row of either
    /// side and the products, row-major. For any one row, the rows of its pairs come in ascending order.
    pub(crate) fn for_each_block(
        &self,
        mut visit: impl FnMut(usize, usize, ArrayView2<'_, f64>),
    ) -> Result<()> {
        let n = self.len();
        let mut buffer = Array2::zeros((BLOCK.min(n), BLOCK.min(n)));
        for first in (0..n).step_by(BLOCK) {
            let rows = BLOCK.min(n - first);
            for second in (first..n).step_by(BLOCK) {
                let cols = BLOCK.min(n - second);
                let mut products = buffer.slice_axis_mut(Axis(0), Slice::from(..rows));
                let mut products = products.slice_axis_mut(Axis(1), Slice::from(..cols));
                let a = self.centred.slice_axis(Axis(0), Slice::from(first..first + rows));
                let b = self.centred.slice_axis(Axis(0), Slice::from(second..second + cols));
                self.linalg.matmul_into(a, b.t(), products.view_mut())?;
                visit(first, second, products.view());
            }
        }
        Ok(())
    }
}

/// Sums squared differences in a fixed order.
fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; LANES];
    let (a_chunks, a_rest) = a.as_chunks::<LANES>();
    let (b_chunks, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for lane in 0..LANES {
            let difference = a[lane] - b[lane];
            sums[lane] += difference * difference;
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| (a - b) * (a - b)).sum();
    sums.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use isoscope_plugin_sdk::testing::native_host;

    use super::*;

    #[test]
    fn the_product_is_within_its_slack_of_the_sum_of_squares() {
        let mut state = 1_u64;
        let mut draw = || {
            state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        // Two tight groups far from each other, and a distant common point.
        let x =
            Array2::from_shape_fn((60, 19), |(i, _)| 1e7 + if i < 30 { 0.0 } else { 1e6 } + 1e-3 * draw());
        let cloud = Cloud::new(native_host().linalg(), x.view()).unwrap();
        let mut pairs = 0;
        cloud
            .for_each_block(|first, second, products| {
                for ((i, j), product) in products.indexed_iter() {
                    let (i, j) = (first + i, second + j);
                    let found = cloud.square_from(i, j, *product);
                    let exact = cloud.exact(i, j);
                    assert!((found - exact).abs() <= cloud.slack(i, j), "{i} {j}: {found} against {exact}");
                    pairs += 1;
                }
            })
            .unwrap();
        assert_eq!(pairs, 3600);
    }

    #[test]
    fn rows_whose_squares_overflow_make_no_cloud() {
        let x = Array2::from_shape_fn((3, 2), |(i, _)| 1e200 * i as f64);
        assert!(Cloud::new(native_host().linalg(), x.view()).is_none());
    }
}
