//! A matrix product for tests.

use ndarray::{Array2, ArrayView2};

/// Computes a·b, m×k times k×n, in plain Rust.
///
/// Tests use it in place of ndarray's own product, which calls BLAS as soon as any crate of the same build asks for it; a
/// plugin and its tests link none.
#[must_use]
pub fn product(a: ArrayView2<'_, f64>, b: ArrayView2<'_, f64>) -> Array2<f64> {
    let entry = |(i, j): (usize, usize)| a.row(i).iter().zip(b.column(j)).map(|(x, y)| x * y).sum();
    Array2::from_shape_fn((a.nrows(), b.ncols()), entry)
}
