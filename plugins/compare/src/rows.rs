//! Inner products, norms and centring of rows.

use isoscope_plugin_sdk::prelude::*;
use ndarray::Axis;

/// Partial sums that run side by side, so that the compiler can use vector registers.
const LANES: usize = 8;

/// Computes the inner product of two equally long slices.
pub(crate) fn inner(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; LANES];
    let (a, b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f64 = a.remainder().iter().zip(b.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a.zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum::<f64>() + rest
}

/// Computes the squared Euclidean distance of two equally long slices.
pub(crate) fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

/// Computes the squared norm of every row of a row-major matrix.
pub(crate) fn squared_norms(x: &Array2<f64>) -> Vec<f64> {
    x.rows().into_iter().map(|row| row.as_slice().map_or(0.0, |row| inner(row, row))).collect()
}

/// Splits rows (n×d, n > 0) into their mean and the centred rows, row-major.
///
/// The first row is taken off before the mean is: constant columns and equal rows become exactly zero, and a
/// mean far from the origin costs no digits.
pub(crate) fn centred(x: ArrayView2<'_, f64>) -> (Array1<f64>, Array2<f64>) {
    let first = x.row(0);
    let mut centred = Array2::zeros(x.dim());
    centred.assign(&x);
    centred -= &first;
    let offset = centred.sum_axis(Axis(0)) / x.nrows() as f64;
    centred -= &offset;
    (&first + &offset, centred)
}

/// Divides the rows of the given indices by their norms; a row of norm zero stays zero.
pub(crate) fn unit_rows(x: ArrayView2<'_, f64>, rows: &[usize]) -> Array2<f64> {
    let mut unit = x.select(Axis(0), rows);
    for mut row in unit.rows_mut() {
        // Scaled by the largest component first, so that the squares neither overflow nor vanish.
        let largest = row.iter().fold(0.0_f64, |largest, v| largest.max(v.abs()));
        if largest > 0.0 {
            row /= largest;
            let norm = row.iter().map(|v| v * v).sum::<f64>().sqrt();
            row /= norm;
        }
    }
    unit
}

/// Lists the rows that are not zero in either cloud.
pub(crate) fn nonzero_in_both(a: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>) -> Vec<usize> {
    let nonzero = |x: &ArrayView2<'_, f64>, i: usize| x.row(i).iter().any(|v| *v != 0.0);
    (0..a.nrows()).filter(|&i| nonzero(&a, i) && nonzero(&b, i)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_rows_far_from_the_origin_centre_to_exactly_zero() {
        let x = Array2::from_shape_fn((1001, 3), |(_, j)| 0.1 + 1e6 * j as f64 / 3.0);
        let (mean, rows) = centred(x.view());
        assert_eq!(mean, x.row(0));
        assert!(rows.iter().all(|v| v.abs() <= 0.0));
    }

    #[test]
    fn the_inner_product_of_any_length_agrees_with_the_plain_sum() {
        for n in [0, 1, 7, 8, 9, 31] {
            let a: Vec<f64> = (0..n).map(f64::from).collect();
            let plain: f64 = a.iter().map(|v| v * v).sum();
            assert!((inner(&a, &a) - plain).abs() < 1e-12);
        }
    }
}
