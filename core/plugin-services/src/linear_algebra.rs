//! LAPACK and BLAS on the plain slices that cross the plugin boundary.

use crate::eigh;
use isoscope_plugin_host::Gemm;
use ndarray::{ArrayView2, ArrayViewMut2, ShapeBuilder, linalg::general_mat_mul};

/// Decomposes a symmetric n×n matrix: n values in descending order, and vectors as rows. False when it cannot be done; what
/// the slices hold then means nothing.
#[must_use]
pub fn decompose(n: usize, a: &[f64], values: &mut [f64], vectors: &mut [f64]) -> bool {
    let Some(eigen) = ArrayView2::from_shape((n, n), a).ok().and_then(|a| eigh(a).ok()) else {
        return false;
    };
    let (Some(found), Some(rows)) = (eigen.values.as_slice(), eigen.vectors.as_slice()) else {
        return false;
    };
    values.copy_from_slice(found);
    vectors.copy_from_slice(rows);
    true
}

/// Computes `C = αAB + βC`. False when the slices do not hold matrices of these shapes; C is as it was then.
#[must_use]
pub fn multiply(g: Gemm<'_>) -> bool {
    let stored = |transposed: bool, rows, cols| if transposed { (cols, rows) } else { (rows, cols) };
    let a = view(g.a, stored(g.trans_a, g.m, g.k), g.lda);
    let b = view(g.b, stored(g.trans_b, g.k, g.n), g.ldb);
    let c = ArrayViewMut2::from_shape((g.m, g.n).strides((g.ldc, 1)), g.c).ok();
    let (Some(a), Some(b), Some(mut c)) = (a, b, c) else { return false };
    let a = if g.trans_a { a.reversed_axes() } else { a };
    let b = if g.trans_b { b.reversed_axes() } else { b };
    general_mat_mul(g.alpha, &a, &b, g.beta, &mut c);
    true
}

fn view(values: &[f64], (rows, cols): (usize, usize), stride: usize) -> Option<ArrayView2<'_, f64>> {
    ArrayView2::from_shape((rows, cols).strides((stride, 1)), values).ok()
}
