//! The weights of a dense layer, laid out for the processor once, when they are loaded.
//!
//! A BLAS is given the weights anew in every call and copies them into an order of its own each time; an encoder multiplies by
//! the same ones for as long as it lives.
#![allow(clippy::inline_always)] // only an inlined body is compiled for the instruction set of its caller

use std::cell::RefCell;

use pulp::{Arch, Simd, WithSimd};

use super::tiles::{self, BLOCK_ROWS, Base, Multiply, Rows, pack_transposed};

/// The weights and biases of a dense layer in the order in which tiles take them.
pub(crate) struct PackedWeights {
    inputs: usize,
    outputs: usize,
    panels: Vec<f32>,
    /// One a column of the panels.
    bias: Vec<f32>,
}

impl PackedWeights {
    /// Lays out `weight`, outputs×inputs row by row, and the biases, 0 where there are none. Returns `None` for no weights and on a processor on which
    /// tiles do not pay.
    pub(crate) fn new(weight: &[f32], bias: Option<&[f32]>, inputs: usize) -> Option<Self> {
        if weight.is_empty() || !tiles::pay() {
            return None;
        }
        let panels = Arch::new().dispatch(Pack(Rows { values: weight, stride: inputs, width: inputs }));
        let mut padded = bias.map_or_else(Vec::new, <[f32]>::to_vec);
        padded.resize(panels.len() / inputs, 0.0);
        Some(Self { inputs, outputs: weight.len() / inputs, panels, bias: padded })
    }

    /// Returns the length of the rows that can be multiplied.
    pub(crate) fn inputs(&self) -> usize {
        self.inputs
    }

    /// Returns the length of the rows that come out.
    pub(crate) fn outputs(&self) -> usize {
        self.outputs
    }

    /// Computes f(x·Wᵀ + b) for rows `x` of [`Self::inputs`] numbers; f is applied to a few rows of the result at a time, while they are
    /// still in the cache.
    pub(crate) fn multiply(&self, x: &[f32], f: impl Fn(&mut [f32])) -> Vec<f32> {
        thread_local! {
            /// Where a block of rows is packed; kept, because its pages would be fetched anew for every product.
            static BLOCK: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
        }
        let mut y = vec![0.0; x.len() / self.inputs * self.outputs];
        let blocks = x.chunks(BLOCK_ROWS * self.inputs).zip(y.chunks_mut(BLOCK_ROWS * self.outputs));
        BLOCK.with_borrow_mut(|block| {
            for (x, y) in blocks {
                Arch::new().dispatch(Multiply {
                    left: Rows { values: x, stride: self.inputs, width: self.inputs },
                    panels: &self.panels,
                    base: Base::Bias(&self.bias),
                    result: y,
                    stride: self.outputs,
                    columns: self.outputs,
                    block,
                });
                f(y);
            }
        });
        y
    }
}

struct Pack<'a>(Rows<'a>);

impl WithSimd for Pack<'_> {
    type Output = Vec<f32>;

    #[inline(always)]
    fn with_simd<S: Simd>(self, _: S) -> Vec<f32> {
        let mut panels = Vec::new();
        pack_transposed::<S>(self.0, &mut panels);
        panels
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::super::tiles::DEPTH;
    use super::*;

    fn ramp(count: usize, step: f32) -> Vec<f32> {
        (0..count).map(|i| (i as f32 * step).sin()).collect()
    }

    fn product(rows: usize, inputs: usize, outputs: usize) -> (Vec<f32>, Vec<f32>, Vec<f32>, Vec<f32>) {
        let (x, w, b) = (ramp(rows * inputs, 0.7), ramp(outputs * inputs, 0.3), ramp(outputs, 1.1));
        let y = PackedWeights::new(&w, Some(&b), inputs).unwrap().multiply(&x, |_| {});
        (x, w, b, y)
    }

    #[test]
    fn every_size_around_tiles_panels_and_blocks_gives_the_product() {
        for rows in [1, 5, 6, 7, BLOCK_ROWS - 1, BLOCK_ROWS + 1] {
            for inputs in [1, 3, 4, 5, DEPTH, DEPTH + 7] {
                for outputs in [1, 15, 16, 17, 37] {
                    let (x, w, b, y) = product(rows, inputs, outputs);
                    assert_eq!(y.len(), rows * outputs);
                    for (place, y) in y.iter().enumerate() {
                        let (r, o) = (place / outputs, place % outputs);
                        let (x, w) = (&x[r * inputs..][..inputs], &w[o * inputs..][..inputs]);
                        let dot: f64 = x.iter().zip(w).map(|(x, w)| f64::from(*x) * f64::from(*w)).sum();
                        let scale: f64 =
                            x.iter().zip(w).map(|(x, w)| f64::from(x * w).abs()).sum::<f64>() + 1.0;
                        let error = (f64::from(*y) - dot - f64::from(b[o])).abs();
                        assert!(error < 1e-6 * scale, "{rows}x{inputs}x{outputs} at {r}, {o}: {error:e}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_row_has_the_same_bits_whatever_stands_beside_it() {
        let (rows, inputs, outputs) = (BLOCK_ROWS + 11, DEPTH + 9, 21);
        let (x, w, b, together) = product(rows, inputs, outputs);
        let weights = PackedWeights::new(&w, Some(&b), inputs).unwrap();
        for row in 0..rows {
            let alone = weights.multiply(&x[row * inputs..][..inputs], |_| {});
            let beside = &together[row * outputs..][..outputs];
            assert!(alone.iter().zip(beside).all(|(a, b)| a.to_bits() == b.to_bits()), "row {row}");
        }
    }

    #[test]
    fn a_number_is_one_chain_of_fused_multiply_adds_for_each_depth_of_inputs() {
        let (rows, inputs, outputs) = (7, 2 * DEPTH + 3, 19);
        let (x, w, b, y) = product(rows, inputs, outputs);
        for (place, y) in y.iter().enumerate() {
            let (r, o) = (place / outputs, place % outputs);
            let (x, w) = (&x[r * inputs..][..inputs], &w[o * inputs..][..inputs]);
            let chains = x.chunks(DEPTH).zip(w.chunks(DEPTH));
            let chains = chains.map(|(x, w)| x.iter().zip(w).fold(0.0_f32, |sum, (x, w)| x.mul_add(*w, sum)));
            let expected = chains.fold(b[o], |sum, chain| sum + chain);
            assert_eq!(y.to_bits(), expected.to_bits(), "{r}, {o}");
        }
    }

    #[test]
    fn a_function_is_applied_to_every_number_once() {
        let (rows, inputs, outputs) = (2 * BLOCK_ROWS + 5, 3, 17);
        let (x, w, b, y) = product(rows, inputs, outputs);
        let weights = PackedWeights::new(&w, Some(&b), inputs).unwrap();
        let halved = weights.multiply(&x, |values| values.iter_mut().for_each(|value| *value *= 0.5));
        assert!(y.iter().zip(&halved).all(|(y, half)| (0.5 * y).to_bits() == half.to_bits()));
    }

    #[test]
    fn without_biases_only_the_product_is_left() {
        let weights = PackedWeights::new(&[1.0, 2.0, 3.0, 4.0], None, 2).unwrap();
        assert_eq!((weights.inputs(), weights.outputs()), (2, 2));
        assert_eq!(weights.multiply(&[1.0, -1.0], |_| {}), [-1.0, -1.0]);
        assert!(weights.multiply(&[], |_| {}).is_empty());
    }
}
