//! Products of two matrices that a forward pass has made, such as queries and keys.

use candle_core::{Error, Result};
use isoscope_tiles::{Base, Panels, Rows, multiply, pay};
use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2, ShapeBuilder};

/// The right side of a product.
#[derive(Clone, Copy)]
pub(super) enum Right<'a> {
    /// A matrix as it stands.
    Plain(Rows<'a, f32>),
    /// The transpose of a matrix.
    Transposed(Rows<'a, f32>),
}

/// Room for what a product packs, to be used again.
#[derive(Default)]
pub(super) struct Scratch {
    panels: Panels<f32>,
    block: Vec<f32>,
}

/// Computes left·right into rows of `result` that begin every `stride` values.
pub(super) fn product(
    left: Rows<'_, f32>,
    right: Right<'_>,
    result: &mut [f32],
    stride: usize,
    scratch: &mut Scratch,
) -> Result<()> {
    if !pay() {
        return with_blas(left, right, result, stride);
    }
    match right {
        Right::Plain(right) => scratch.panels.fill(right),
        Right::Transposed(right) => scratch.panels.fill_transposed(right),
    }
    multiply(left, &scratch.panels, Base::Nothing, result, stride, &mut scratch.block);
    Ok(())
}

/// The same on a processor that tiles do not pay on.
fn with_blas(left: Rows<'_, f32>, right: Right<'_>, result: &mut [f32], stride: usize) -> Result<()> {
    let (right, columns) = match right {
        Right::Plain(right) => (view(right)?, right.width),
        Right::Transposed(right) => (view(right)?.reversed_axes(), right.count()),
    };
    let shape = (left.count(), columns).strides((stride, 1));
    let mut result = ArrayViewMut2::from_shape(shape, result).map_err(Error::wrap)?;
    general_mat_mul(1.0, &view(left)?, &right, 0.0, &mut result);
    Ok(())
}

fn view(rows: Rows<'_, f32>) -> Result<ArrayView2<'_, f32>> {
    let shape = (rows.count(), rows.width).strides((rows.stride, 1));
    ArrayView2::from_shape(shape, rows.values).map_err(Error::wrap)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn ramp(count: usize, step: f32) -> Vec<f32> {
        (0..count).map(|i| (i as f32 * step).sin()).collect()
    }

    /// Rows of `width` among `stride` columns, the last one without what follows it.
    fn rows(values: &[f32], count: usize, stride: usize, width: usize) -> Rows<'_, f32> {
        Rows { values: &values[..(count - 1) * stride + width], stride, width }
    }

    #[test]
    fn both_ways_to_compute_it_give_the_product_of_strided_rows() {
        const STRIDE: usize = 50;
        let (a, b) = (ramp(40 * STRIDE, 0.7), ramp(40 * STRIDE, 0.3));
        for (height, depth, columns) in [(1, 1, 1), (5, 4, 15), (6, 33, 16), (13, 32, 17), (31, 40, 33)] {
            let left = rows(&a, height, STRIDE, depth);
            let plain = Right::Plain(rows(&b, depth, STRIDE, columns));
            let transposed = Right::Transposed(rows(&b, columns, STRIDE, depth));
            for (right, at) in [(plain, (STRIDE, 1)), (transposed, (1, STRIDE))] {
                let mut tiled = vec![7.0; (height - 1) * STRIDE + columns];
                let mut blas = tiled.clone();
                product(left, right, &mut tiled, STRIDE, &mut Scratch::default()).unwrap();
                with_blas(left, right, &mut blas, STRIDE).unwrap();
                for place in 0..tiled.len() {
                    let (i, j) = (place / STRIDE, place % STRIDE);
                    let term = |k: usize| f64::from(a[i * STRIDE + k]) * f64::from(b[k * at.0 + j * at.1]);
                    let expected = if j < columns { (0..depth).map(term).sum() } else { 7.0 };
                    for value in [tiled[place], blas[place]] {
                        assert!(
                            (f64::from(value) - expected).abs() < 1e-5,
                            "{height}x{depth}x{columns}: {i}, {j}"
                        );
                    }
                }
            }
        }
    }
}
