//! Products of rows with a packed matrix.

use crate::number::Number;
use crate::tile::{Onto, TILE_ROWS, store, tile, tile_columns};
use crate::{Panels, Rows};
use pulp::{Arch, Simd, WithSimd};

/// Terms of a chain. So many steps of a panel of f32, 24 KiB under AVX2, stay in the first cache while the rows of a block go by.
pub const DEPTH: usize = 384;

/// Rows of a block: [`DEPTH`] terms of so many f32 take 288 KiB, about half a second cache.
pub const BLOCK_ROWS: usize = 32 * TILE_ROWS;

/// What a product is added to.
#[derive(Debug, Clone, Copy)]
pub enum Base<'a, T> {
    /// Nothing: it replaces what stands in the result.
    Nothing,
    /// A value for each column.
    Bias(&'a [T]),
}

/// Multiplies rows, n×k, by a matrix, k×d, and writes the n×d product plus its base into rows of `result` that begin every `stride`
/// values. `scratch` is where a block of rows is packed.
///
/// # Panics
/// When the rows are not of the depth of the matrix, or the result or the bias is too short.
pub fn multiply<T: Number>(
    rows: Rows<'_, T>,
    matrix: &Panels<T>,
    base: Base<'_, T>,
    result: &mut [T],
    stride: usize,
    scratch: &mut Vec<T>,
) {
    assert_eq!(rows.width, matrix.depth, "rows must be as long as the matrix has rows");
    Arch::new().dispatch(Multiply { rows, matrix, base, result, stride, scratch });
}

pub(crate) struct Multiply<'a, T> {
    pub(crate) rows: Rows<'a, T>,
    pub(crate) matrix: &'a Panels<T>,
    pub(crate) base: Base<'a, T>,
    pub(crate) result: &'a mut [T],
    pub(crate) stride: usize,
    pub(crate) scratch: &'a mut Vec<T>,
}

impl<T: Number> WithSimd for Multiply<'_, T> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Self { rows, matrix, base, result, stride, scratch } = self;
        let panel_width = tile_columns::<T, S>();
        for (rows, result) in rows.blocks(BLOCK_ROWS).zip(result.chunks_mut(BLOCK_ROWS * stride)) {
            pack_rows(rows, scratch);
            let strips = rows.count().div_ceil(TILE_ROWS);
            for (panel, steps) in matrix.values.chunks_exact(panel_width * rows.width).enumerate() {
                let from = panel * panel_width;
                let to = (from + panel_width).min(matrix.columns);
                let mut packed = &scratch[..];
                for (part, steps) in steps.chunks(panel_width * DEPTH).enumerate() {
                    let onto = match base {
                        _ if part > 0 => Onto::Result,
                        Base::Bias(bias) => Onto::Values(&bias[from..to]),
                        Base::Nothing => Onto::Nothing,
                    };
                    let strip = steps.len() / panel_width * TILE_ROWS;
                    let (rows, rest) = packed.split_at(strips * strip);
                    packed = rest;
                    for (rows, result) in rows.chunks_exact(strip).zip(result.chunks_mut(TILE_ROWS * stride))
                    {
                        let tile = tile(simd, rows, steps);
                        for (sums, result) in tile.iter().zip(result.chunks_mut(stride)) {
                            store(simd, *sums, onto, &mut result[from..to]);
                        }
                    }
                }
            }
        }
    }
}

/// Packs the rows of a block: [`DEPTH`] values of all of them after each other, and there strip by strip of [`TILE_ROWS`] rows, a
/// column of a strip together. A last strip is filled up with its last row: nothing that is computed of it again is stored.
#[inline(always)]
fn pack_rows<T: Number>(rows: Rows<'_, T>, block: &mut Vec<T>) {
    let length = rows.count().div_ceil(TILE_ROWS) * TILE_ROWS * rows.width;
    if block.len() < length {
        block.resize(length, T::ZERO);
    }
    let mut free = &mut block[..];
    for from in (0..rows.width).step_by(DEPTH) {
        let steps = DEPTH.min(rows.width - from);
        for strip in rows.blocks(TILE_ROWS) {
            let (packed, rest) = free.split_at_mut(steps * TILE_ROWS);
            free = rest;
            let (columns, _) = packed.as_chunks_mut::<TILE_ROWS>();
            let mut parts = strip.iter().map(|row| &row[from..from + steps]);
            let mut last: &[T] = &[];
            let parts: [&[T]; TILE_ROWS] = std::array::from_fn(|_| {
                last = parts.next().unwrap_or(last);
                last
            });
            let [a, b, c, d, e, f] = parts;
            let values = a.iter().zip(b).zip(c).zip(d).zip(e).zip(f);
            for (column, (((((a, b), c), d), e), f)) in columns.iter_mut().zip(values) {
                *column = [*a, *b, *c, *d, *e, *f];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::cast_possible_truncation)]

    use super::*;

    fn ramp(count: usize, step: f64) -> Vec<f64> {
        (0..count).map(|i| (i as f64 * step).sin()).collect()
    }

    fn single(values: &[f64]) -> Vec<f32> {
        values.iter().map(|value| *value as f32).collect()
    }

    /// The product of contiguous rows with the transpose of a matrix, and what else stands in a result whose rows are wider.
    fn product<T: Number>(x: &[T], w: &[T], bias: Option<&[T]>, inputs: usize, stride: usize) -> Vec<T> {
        let mut panels = Panels::default();
        panels.fill_transposed(Rows::contiguous(w, inputs));
        let mut result = vec![T::ZERO; x.len() / inputs * stride];
        let base = bias.map_or(Base::Nothing, Base::Bias);
        multiply(Rows::contiguous(x, inputs), &panels, base, &mut result, stride, &mut Vec::new());
        result
    }

    #[test]
    fn every_size_around_tiles_panels_and_blocks_gives_the_product() {
        for rows in [1, 5, 6, 7, BLOCK_ROWS - 1, BLOCK_ROWS + 1] {
            for inputs in [1, 3, 4, 5, DEPTH, DEPTH + 7] {
                for outputs in [1, 15, 16, 17, 37] {
                    let (x, w) = (ramp(rows * inputs, 0.7), ramp(outputs * inputs, 0.3));
                    let b = ramp(outputs, 1.1);
                    let double = product(&x, &w, Some(&b), inputs, outputs);
                    let narrow = product(&single(&x), &single(&w), Some(&single(&b)), inputs, outputs);
                    for place in 0..rows * outputs {
                        let (r, o) = (place / outputs, place % outputs);
                        let terms = x[r * inputs..][..inputs].iter().zip(&w[o * inputs..][..inputs]);
                        let dot = b[o] + terms.clone().map(|(x, w)| x * w).sum::<f64>();
                        let scale = 1.0 + terms.map(|(x, w)| (x * w).abs()).sum::<f64>();
                        assert!((double[place] - dot).abs() < 1e-14 * scale, "{rows}x{inputs}x{outputs}");
                        let error = (f64::from(narrow[place]) - dot).abs();
                        assert!(error < 1e-6 * scale, "{rows}x{inputs}x{outputs}: {error:e}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_row_has_the_same_bits_whatever_stands_beside_it() {
        let (rows, inputs, outputs) = (BLOCK_ROWS + 11, DEPTH + 9, 21);
        let (x, w) = (ramp(rows * inputs, 0.7), ramp(outputs * inputs, 0.3));
        let together = product(&x, &w, None, inputs, outputs);
        for (row, beside) in x.chunks(inputs).zip(together.chunks(outputs)) {
            let alone = product(row, &w, None, inputs, outputs);
            assert!(alone.iter().zip(beside).all(|(a, b)| a.to_bits() == b.to_bits()));
        }
    }

    #[test]
    fn a_number_is_one_chain_of_fused_multiply_adds_for_each_depth_of_terms() {
        let (rows, inputs, outputs) = (7, 2 * DEPTH + 3, 19);
        let (x, w, b) = (ramp(rows * inputs, 0.7), ramp(outputs * inputs, 0.3), ramp(outputs, 1.1));
        let y = product(&x, &w, Some(&b), inputs, outputs);
        for (place, y) in y.iter().enumerate() {
            let (r, o) = (place / outputs, place % outputs);
            let chains = x[r * inputs..][..inputs].chunks(DEPTH).zip(w[o * inputs..][..inputs].chunks(DEPTH));
            let chains =
                chains.map(|(x, w)| x.iter().zip(w).fold(0.0, |sum: f64, (x, w)| x.mul_add(*w, sum)));
            let expected = chains.fold(b[o], |sum, chain| sum + chain);
            assert_eq!(y.to_bits(), expected.to_bits(), "{r}, {o}");
        }
    }

    #[test]
    fn rows_of_wider_matrices_are_multiplied_and_what_stands_beside_a_result_is_left_alone() {
        const STRIDE: usize = 50;
        let (a, b) = (ramp(40 * STRIDE, 0.7), ramp(40 * STRIDE, 0.3));
        // The last row stands without what would follow it.
        let part = |values, count: usize, width| Rows {
            values: &<[f64]>::as_ref(values)[..(count - 1) * STRIDE + width],
            stride: STRIDE,
            width,
        };
        for (height, depth, columns) in [(1, 1, 1), (5, 4, 15), (6, 33, 16), (13, 32, 17), (31, 40, 33)] {
            let mut plain = Panels::default();
            plain.fill(part(&b, depth, columns));
            let mut transposed = Panels::default();
            transposed.fill_transposed(part(&b, columns, depth));
            for (panels, at) in [(plain, (STRIDE, 1)), (transposed, (1, STRIDE))] {
                assert_eq!((panels.depth(), panels.columns()), (depth, columns));
                let mut result = vec![7.0; (height - 1) * STRIDE + columns];
                let left = part(&a, height, depth);
                multiply(left, &panels, Base::Nothing, &mut result, STRIDE, &mut Vec::new());
                for (place, value) in result.iter().enumerate() {
                    let (i, j) = (place / STRIDE, place % STRIDE);
                    let term = |k: usize| a[i * STRIDE + k] * b[k * at.0 + j * at.1];
                    let expected = if j < columns { (0..depth).map(term).sum() } else { 7.0 };
                    assert!((value - expected).abs() < 1e-13, "{height}x{depth}x{columns}: {i}, {j}");
                }
            }
        }
    }

    #[test]
    fn nothing_times_a_matrix_is_nothing() {
        assert!(product::<f32>(&[], &[1.0, 2.0], None, 2, 1).is_empty());
        let mut empty = Panels::<f64>::default();
        empty.fill_transposed(Rows::contiguous(&[], 3));
        let mut untouched = [5.0; 2];
        multiply(Rows::contiguous(&[1.0; 6], 3), &empty, Base::Nothing, &mut untouched, 1, &mut Vec::new());
        assert_eq!(untouched.map(f64::to_bits), [5.0_f64.to_bits(); 2]);
    }
}
