//! The weights of a dense layer, laid out for the processor once, when they are loaded.
//!
//! A BLAS is given the weights anew in every call and copies them into an order of its own each time; an encoder multiplies by
//! the same ones for as long as it lives.

use std::cell::RefCell;

use isoscope_tiles::{BLOCK_ROWS, Base, Panels, Rows, multiply, pay};

/// The weights and biases of a dense layer in the order in which tiles take them.
pub(crate) struct PackedWeights {
    /// The transpose of the weights.
    panels: Panels<f32>,
    bias: Option<Vec<f32>>,
}

impl PackedWeights {
    /// Lays out `weight`, outputs×inputs row by row, and keeps the biases. Returns `None` for no weights and on a processor on which
    /// tiles do not pay.
    pub(crate) fn new(weight: &[f32], bias: Option<Vec<f32>>, inputs: usize) -> Option<Self> {
        if weight.is_empty() || !pay() {
            return None;
        }
        let mut panels = Panels::default();
        panels.fill_transposed(Rows::contiguous(weight, inputs));
        Some(Self { panels, bias })
    }

    /// Returns the length of the rows that can be multiplied.
    pub(crate) fn inputs(&self) -> usize {
        self.panels.depth()
    }

    /// Returns the length of the rows that come out.
    pub(crate) fn outputs(&self) -> usize {
        self.panels.columns()
    }

    /// Computes f(x·Wᵀ + b) for rows `x` of [`Self::inputs`] numbers; f is applied to a few rows of the result at a time, while they are
    /// still in the cache.
    pub(crate) fn multiply(&self, x: &[f32], f: impl Fn(&mut [f32])) -> Vec<f32> {
        thread_local! {
            /// Where a block of rows is packed; kept, because its pages would be fetched anew for every product.
            static BLOCK: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
        }
        let (inputs, outputs) = (self.inputs(), self.outputs());
        let base = self.bias.as_deref().map_or(Base::Nothing, Base::Bias);
        let mut results = Vec::with_capacity(x.len() / inputs * outputs);
        BLOCK.with_borrow_mut(|block| {
            for x in x.chunks(BLOCK_ROWS * inputs) {
                let from = results.len();
                // Block by block, because the zeros are overwritten while they are still in the cache.
                results.resize(from + x.len() / inputs * outputs, 0.0);
                let y = &mut results[from..];
                multiply(Rows::contiguous(x, inputs), &self.panels, base, y, outputs, block);
                f(y);
            }
        });
        results
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn ramp(count: usize, step: f32) -> Vec<f32> {
        (0..count).map(|i| (i as f32 * step).sin()).collect()
    }

    #[test]
    fn rows_of_many_blocks_are_multiplied_and_a_function_is_applied_to_every_number_once() {
        let (rows, inputs, outputs) = (2 * BLOCK_ROWS + 5, 3, 17);
        let (x, w, b) = (ramp(rows * inputs, 0.7), ramp(outputs * inputs, 0.3), ramp(outputs, 1.1));
        let weights = PackedWeights::new(&w, Some(b.clone()), inputs).unwrap();
        let y = weights.multiply(&x, |_| {});
        assert_eq!(y.len(), rows * outputs);
        for (place, y) in y.iter().enumerate() {
            let (r, o) = (place / outputs, place % outputs);
            let terms = x[r * inputs..][..inputs].iter().zip(&w[o * inputs..][..inputs]);
            let expected = b[o] + terms.map(|(x, w)| x * w).sum::<f32>();
            assert!((y - expected).abs() < 1e-6, "{r}, {o}");
        }
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
