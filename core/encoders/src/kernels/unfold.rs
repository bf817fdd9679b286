//! Neighbouring rows side by side, so that a convolution over a sequence is one dense layer.

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};

use super::attention::Sequences;
use super::storage::{store_as, values};

/// Joins every row with its neighbours: T×W becomes T×(`size`·W), for an odd `size`.
///
/// Row t holds rows t − (`size`−1)/2 to t + (`size`−1)/2 of its own sequence; what lies outside the sequence is zero.
pub(crate) fn unfold(x: &Tensor, sequences: &Sequences, size: usize) -> Result<Tensor> {
    x.apply_op1_no_bwd(&Unfold { sequences, size })
}

const NAME: &str = "unfold";

struct Unfold<'a> {
    sequences: &'a Sequences,
    size: usize,
}

impl CustomOp1 for Unfold<'_> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (rows, width) = self.sizes(layout)?;
        let operand = x;
        let x = values(NAME, operand, layout)?;
        let reach = self.size / 2;
        let mut y = vec![0.0_f32; rows * self.size * width];
        for bounds in self.sequences.0.windows(2) {
            for row in bounds[0]..bounds[1] {
                let first = row.saturating_sub(reach).max(bounds[0]);
                let last = (row + reach).min(bounds[1] - 1);
                // Neighbours lie one after the other in both, so what is inside the sequence is one copy.
                let source = &x[first * width..(last + 1) * width];
                let start = (row * self.size + reach - (row - first)) * width;
                y[start..start + source.len()].copy_from_slice(source);
            }
        }
        Ok((store_as(operand, y), Shape::from((rows, self.size * width))))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(&self, x: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        let (rows, width) = self.sizes(layout)?;
        let y = isoscope_cuda::unfold((x, layout), &self.sequences.0, self.size)?;
        Ok((y, Shape::from((rows, self.size * width))))
    }
}

impl Unfold<'_> {
    /// Returns T and W when everything fits together.
    fn sizes(&self, x: &Layout) -> Result<(usize, usize)> {
        let (rows, width) = x.shape().dims2()?;
        if self.size.is_multiple_of(2) {
            bail!("{NAME} needs an odd number of neighbours, not {}", self.size);
        }
        if self.sequences.0.last().is_some_and(|&end| end != rows) {
            bail!("{NAME} got {rows} rows for sequences that end elsewhere");
        }
        Ok((rows, width))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use candle_core::Device;

    use super::*;

    fn column(values: &[f32]) -> Tensor {
        Tensor::from_slice(values, (values.len(), 1), &Device::Cpu).unwrap()
    }

    #[test]
    fn neighbours_of_other_sequences_are_zero() {
        let y = unfold(&column(&[1.0, 2.0, 3.0, 4.0]), &Sequences::new(&[0, 3, 3, 4]), 3).unwrap();
        let expected = [[0.0, 1.0, 2.0], [1.0, 2.0, 3.0], [2.0, 3.0, 0.0], [0.0, 4.0, 0.0]];
        assert_eq!(y.to_vec2::<f32>().unwrap(), expected);
    }

    #[test]
    fn a_sequence_may_be_shorter_than_the_neighbourhood() {
        let y = unfold(&column(&[1.0, 2.0]), &Sequences::new(&[0, 2]), 5).unwrap();
        assert_eq!(y.to_vec2::<f32>().unwrap(), [[0.0, 0.0, 1.0, 2.0, 0.0], [0.0, 1.0, 2.0, 0.0, 0.0]]);
    }

    #[test]
    fn an_even_neighbourhood_has_no_middle_and_is_refused() {
        assert!(unfold(&column(&[1.0]), &Sequences::new(&[0, 1]), 2).is_err());
    }
}
