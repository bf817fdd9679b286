//! Matrix products, a tile of the result at a time: of rows by a packed matrix ([`multiply`]), and of a matrix by its own transpose
//! ([`add_gram`]).
//!
//! Each number of a result is one chain of fused multiply-adds per so many terms, in their order, and the chains are added in theirs.
//! So a row of a product depends on its own row alone, whatever rows stand beside it, and all results have the same bits on every
//! processor that has fused multiply-add, whatever the width of its vectors.
//!
//! The blocking is that of Goto & van de Geijn (2008, ACM TOMS 34(3), §4): a tile of the result in registers, a panel of the right
//! matrix in the first cache, a block of rows of the left one in the second.
//!
//! Everything runs on the calling thread. On a processor where [`pay`] is false the results are right, and slow.
#![forbid(unsafe_code)]
#![allow(clippy::inline_always)] // only an inlined body is compiled for the instruction set of its caller

mod gram;
mod multiply;
mod number;
mod panels;
mod rows;
mod tile;

pub use gram::add_gram;
pub use multiply::{BLOCK_ROWS, Base, DEPTH, multiply};
pub use number::Number;
pub use panels::Panels;
pub use rows::Rows;

use pulp::{Arch, Simd, WithSimd};

/// Vectors of fewer f32 than this mean a processor without fused multiply-add.
const LEAST_LANES: usize = 4;

/// Tells whether tiles pay on this processor.
#[must_use]
pub fn pay() -> bool {
    Arch::new().dispatch(Lanes) >= LEAST_LANES
}

/// Asks for the number of f32 in a vector.
struct Lanes;

impl WithSimd for Lanes {
    type Output = usize;

    fn with_simd<S: Simd>(self, _: S) -> usize {
        S::F32_LANES
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gram::AddGram;
    use crate::multiply::Multiply;
    use crate::panels::{Plain, Transposed};
    use pulp::Scalar;

    fn ramp(count: usize, step: f64) -> Vec<f64> {
        (0..count).map(|i| (i as f64 * step).sin()).collect()
    }

    fn bits(values: &[f64]) -> Vec<u64> {
        values.iter().map(|value| value.to_bits()).collect()
    }

    #[test]
    fn a_product_has_the_same_bits_on_a_processor_without_vectors() {
        let (rows, inputs, outputs) = (13, DEPTH + 2, 19);
        let (x, w) = (ramp(rows * inputs, 0.7), ramp(outputs * inputs, 0.3));
        let x = Rows::contiguous(&x, inputs);
        for transposed in [false, true] {
            let mut panels = Panels::default();
            let mut slow = Panels { depth: inputs, columns: outputs, values: Vec::new() };
            if transposed {
                panels.fill_transposed(Rows::contiguous(&w, inputs));
                Transposed(Rows::contiguous(&w, inputs), &mut slow.values).with_simd(Scalar);
            } else {
                panels.fill(Rows::contiguous(&w, outputs));
                Plain(Rows::contiguous(&w, outputs), &mut slow.values).with_simd(Scalar);
            }
            let (mut fast, mut plain) = (vec![0.0; rows * outputs], vec![0.0; rows * outputs]);
            multiply(x, &panels, Base::Nothing, &mut fast, outputs, &mut Vec::new());
            Multiply {
                rows: x,
                matrix: &slow,
                base: Base::Nothing,
                result: &mut plain,
                stride: outputs,
                scratch: &mut Vec::new(),
            }
            .with_simd(Scalar);
            assert_eq!(bits(&fast), bits(&plain), "transposed: {transposed}");
        }
    }

    #[test]
    fn a_gram_has_the_same_bits_on_a_processor_without_vectors() {
        let (n, d) = (200, 21);
        let (x, centre) = (ramp(n * d, 0.37), ramp(d, 1.3));
        let (mut fast, mut plain) = (vec![0.0; d * d], vec![0.0; d * d]);
        let rows = Rows::contiguous(&x, d);
        add_gram(rows, &centre, &mut fast);
        let (gram, mut scratch) = (&mut plain[..], gram::Scratch::default());
        AddGram { rows, centre: &centre, gram, scratch: &mut scratch }.with_simd(Scalar);
        for i in 0..d {
            assert_eq!(bits(&fast[i * d..=i * d + i]), bits(&plain[i * d..=i * d + i]), "row {i}");
        }
    }
}
