//! Gated feed-forward blocks (Shazeer 2020, arXiv 2002.05202): one half of the inner values, activated, scales the other.

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};

use super::gelu::{Activation, apply};
use super::storage::{store_as, values};

/// Computes f(a)·b for every row (a, b) of the T×2F tensor `x`, with f the activation; the result is T×F.
pub(crate) fn activate_gated(x: &Tensor, activation: Activation) -> Result<Tensor> {
    x.apply_op1_no_bwd(&ActivateGated(activation))
}

struct ActivateGated(Activation);

const NAME: &str = "gated_activation";

impl CustomOp1 for ActivateGated {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (rows, width) = layout.shape().dims2()?;
        if width % 2 != 0 {
            bail!("{NAME} cannot halve rows of {width}");
        }
        let half = width / 2;
        let mut y = Vec::with_capacity(rows * half);
        for row in values(NAME, x, layout)?.chunks_exact(width.max(1)) {
            let start = y.len();
            y.extend_from_slice(&row[..half]);
            apply(self.0, &mut y[start..]);
            y[start..].iter_mut().zip(&row[half..]).for_each(|(y, gate)| *y *= gate);
        }
        Ok((store_as(x, y), Shape::from((rows, half))))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(&self, x: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        let (rows, width) = layout.shape().dims2()?;
        Ok((isoscope_cuda::gate((x, layout), self.0.on_gpu())?, Shape::from((rows, width / 2))))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use candle_core::Device;

    use super::super::gelu::activate;
    use super::*;

    #[test]
    fn the_first_half_is_activated_and_multiplied_by_the_second() {
        let (a, b) = ([-1.5_f32, 0.5, 2.0], [2.0_f32, -3.0, 0.25]);
        let x = Tensor::from_slice(&[a, b].concat(), (1, 6), &Device::Cpu).unwrap();
        for f in [Activation::Gelu, Activation::GeluTanh, Activation::Relu, Activation::Silu] {
            let y = activate_gated(&x, f).unwrap().to_vec2::<f32>().unwrap();
            let alone = Tensor::from_slice(&a, 3, &Device::Cpu).unwrap();
            let alone = activate(alone, f).unwrap().to_vec1::<f32>().unwrap();
            let expected: Vec<f32> = alone.iter().zip(b).map(|(f, b)| f * b).collect();
            assert_eq!(y, [expected], "{f:?}");
        }
    }

    #[test]
    fn rows_that_cannot_be_halved_are_refused() {
        let x = Tensor::zeros((1, 3), candle_core::DType::F32, &Device::Cpu).unwrap();
        assert!(activate_gated(&x, Activation::Relu).is_err());
    }
}
