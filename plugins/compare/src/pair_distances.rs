//! All pairs of rows i < j, in the order (0, 1), (0, 2), …, (1, 2), …: n(n − 1)/2 values.

use isoscope_plugin_sdk::prelude::*;
use ndarray::{Axis, Slice};

use crate::rows::{centred, inner, squared_distance};

/// Rows whose products with all later rows are taken at a time.
const BLOCK: usize = 256;

/// Squared distance, as a share of the squared norms, below which a pair is measured directly: the difference
/// of the products has lost too many digits there, and equal rows must be at distance 0.
const CLOSE: f64 = 1e-3;

/// Hands every row i its inner products with rows i + 1, i + 2, … (rows n×d).
///
/// # Errors
/// [`Error::Failed`] when the host's product fails.
pub(crate) fn products(
    linalg: Linalg,
    rows: ArrayView2<'_, f64>,
    mut visit: impl FnMut(usize, &[f64]),
) -> Result<()> {
    let n = rows.nrows();
    for start in (0..n).step_by(BLOCK) {
        let end = n.min(start + BLOCK);
        let block = rows.slice_axis(Axis(0), Slice::from(start..end));
        let later = rows.slice_axis(Axis(0), Slice::from(start..n));
        let products = linalg.matmul(block, later.t())?;
        for (offset, row) in products.rows().into_iter().enumerate() {
            let row = row.to_slice().ok_or_else(|| Error::failed("a block of products is not contiguous"))?;
            visit(start + offset, &row[offset + 1..]);
        }
    }
    Ok(())
}

/// Computes the inner products of all pairs of rows (n×d).
///
/// # Errors
/// As [`products`].
pub(crate) fn inner_products(linalg: Linalg, rows: ArrayView2<'_, f64>) -> Result<Vec<f64>> {
    let mut all = Vec::with_capacity(pairs(rows.nrows()));
    products(linalg, rows, |_, row| all.extend_from_slice(row))?;
    Ok(all)
}

/// Computes the squared Euclidean distances of all pairs of rows (n×d), exactly 0 for equal rows.
///
/// # Errors
/// As [`products`].
pub(crate) fn squared_distances(linalg: Linalg, rows: ArrayView2<'_, f64>) -> Result<Vec<f64>> {
    if rows.nrows() == 0 {
        return Ok(Vec::new());
    }
    let (_, rows) = centred(rows);
    let d = rows.ncols();
    let flat = rows.as_slice().ok_or_else(|| Error::failed("the centred rows are not contiguous"))?;
    let row = |i: usize| &flat[i * d..(i + 1) * d];
    let squares: Vec<f64> = (0..rows.nrows()).map(|i| inner(row(i), row(i))).collect();
    let mut all = Vec::with_capacity(pairs(rows.nrows()));
    products(linalg, rows.view(), |i, products| {
        for (offset, product) in products.iter().enumerate() {
            let j = i + 1 + offset;
            let sizes = squares[i] + squares[j];
            let square = sizes - 2.0 * product;
            all.push(if square <= CLOSE * sizes { squared_distance(row(i), row(j)) } else { square });
        }
    })?;
    Ok(all)
}

/// Computes the Euclidean distances of all pairs of rows (n×d), exactly 0 for equal rows.
///
/// # Errors
/// As [`products`].
pub(crate) fn distances(linalg: Linalg, rows: ArrayView2<'_, f64>) -> Result<Vec<f64>> {
    let mut all = squared_distances(linalg, rows)?;
    for value in &mut all {
        *value = value.sqrt();
    }
    Ok(all)
}

fn pairs(n: usize) -> usize {
    n * n.saturating_sub(1) / 2
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use isoscope_plugin_sdk::testing::native_host;

    use super::*;

    #[test]
    fn all_pairs_come_once_and_in_order_across_blocks() {
        let n = 2 * BLOCK + 3;
        let rows = Array2::from_shape_fn((n, 2), |(i, j)| if j == 0 { i as f64 } else { 1.0 });
        let found = distances(native_host().linalg(), rows.view()).unwrap();
        let wanted = (0..n).flat_map(|i| (i + 1..n).map(move |j| (j - i) as f64));
        assert_eq!(found.len(), n * (n - 1) / 2);
        assert!(found.iter().zip(wanted).all(|(a, b)| (a - b).abs() < 1e-9));
        let products = inner_products(native_host().linalg(), rows.view()).unwrap();
        assert!((products[n - 1] - 3.0).abs() < 1e-12, "rows 1 and 2");
    }

    #[test]
    fn close_rows_far_from_the_origin_keep_their_distance() {
        let rows = Array2::from_shape_fn((3, 2), |(i, j)| 1e8 + [0.0, 1e-3, 0.0][i] * (1 + j) as f64);
        let found = squared_distances(native_host().linalg(), rows.view()).unwrap();
        assert!((found[0] - 5e-6).abs() < 1e-10 && found[1].abs() <= 0.0, "{found:?}");
    }
}
