//! The host's linear algebra, as a worker lends it.

use isoscope_core::linalg::eigh;
use isoscope_plugin_host::{Gemm, HostServices};
use ndarray::{ArrayView2, ArrayViewMut2, ShapeBuilder, linalg::general_mat_mul};

/// LAPACK and BLAS through the core; what plugins log is dropped.
pub(crate) struct Services;

impl HostServices for Services {
    fn log(&self, _level: i32, _message: &str) {}

    fn should_stop(&self) -> bool {
        false
    }

    fn eigh(&self, n: usize, a: &[f64], values: &mut [f64], vectors: &mut [f64]) -> bool {
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

    fn gemm(&self, g: Gemm<'_>) -> bool {
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
}

fn view(values: &[f64], (rows, cols): (usize, usize), stride: usize) -> Option<ArrayView2<'_, f64>> {
    ArrayView2::from_shape((rows, cols).strides((stride, 1)), values).ok()
}
