//! Products of two matrices that a forward pass has made, such as queries and keys.
#![allow(clippy::inline_always)] // only an inlined body is compiled for the instruction set of its caller

use candle_core::{Error, Result};
use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2, ShapeBuilder};
use pulp::{Arch, Simd, WithSimd};

use super::tiles::{self, Base, Multiply, Rows, pack_plain, pack_transposed};

/// The right side of a product.
#[derive(Clone, Copy)]
pub(super) enum Right<'a> {
    /// A matrix as it stands.
    Plain(Rows<'a>),
    /// The transpose of a matrix.
    Transposed(Rows<'a>),
}

/// Room for what a product packs, to be used again.
#[derive(Default)]
pub(super) struct Scratch {
    panels: Vec<f32>,
    block: Vec<f32>,
}

/// Computes left·right into rows of `result` that begin every `stride` values.
pub(super) fn product(
    left: Rows<'_>,
    right: Right<'_>,
    result: &mut [f32],
    stride: usize,
    scratch: &mut Scratch,
) -> Result<()> {
    if !tiles::pay() {
        return with_blas(left, right, result, stride);
    }
    Arch::new().dispatch(PackAndMultiply { left, right, result, stride, scratch });
    Ok(())
}

struct PackAndMultiply<'a> {
    left: Rows<'a>,
    right: Right<'a>,
    result: &'a mut [f32],
    stride: usize,
    scratch: &'a mut Scratch,
}

impl WithSimd for PackAndMultiply<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { left, right, result, stride, scratch: Scratch { panels, block } } = self;
        let columns = match right {
            Right::Plain(right) => {
                pack_plain::<S>(right, panels);
                right.width
            }
            Right::Transposed(right) => {
                pack_transposed::<S>(right, panels);
                right.count()
            }
        };
        Multiply { left, panels, base: Base::Nothing, result, stride, columns, block }.with_simd(simd);
    }
}

/// The same on a processor that tiles do not pay on.
fn with_blas(left: Rows<'_>, right: Right<'_>, result: &mut [f32], stride: usize) -> Result<()> {
    let (right, columns) = match right {
        Right::Plain(right) => (view(right)?, right.width),
        Right::Transposed(right) => (view(right)?.reversed_axes(), right.count()),
    };
    let shape = (left.count(), columns).strides((stride, 1));
    let mut result = ArrayViewMut2::from_shape(shape, result).map_err(Error::wrap)?;
    general_mat_mul(1.0, &view(left)?, &right, 0.0, &mut result);
    Ok(())
}

fn view(rows: Rows<'_>) -> Result<ArrayView2<'_, f32>> {
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
    fn rows(values: &[f32], count: usize, stride: usize, width: usize) -> Rows<'_> {
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
