//! Dense layers: y = x·Wᵀ + b.

use candle_core::{CpuStorage, CustomOp3, Error, Layout, Result, Shape, Tensor, bail};
use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2};
// The link to the BLAS library that `general_mat_mul` calls.
use ndarray_linalg as _;

use super::slice;

/// The parameters of a dense layer.
pub(crate) struct LinearWeights {
    /// out×in, as PyTorch stores it.
    pub(crate) weight: Tensor,
    /// out.
    pub(crate) bias: Tensor,
}

/// Computes x·Wᵀ + b for T×in rows `x`; the result is T×out.
pub(crate) fn linear(x: &Tensor, weights: &LinearWeights) -> Result<Tensor> {
    x.apply_op3_no_bwd(&weights.weight, &weights.bias, &Linear)
}

struct Linear;

impl CustomOp3 for Linear {
    fn name(&self) -> &'static str {
        "linear"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (rows, inputs) = x_layout.shape().dims2()?;
        let (outputs, weight_inputs) = weight_layout.shape().dims2()?;
        if inputs != weight_inputs || bias_layout.shape().dims1()? != outputs {
            bail!("linear cannot apply {outputs}x{weight_inputs} weights to rows of {inputs}");
        }
        let bias = slice(self.name(), bias, bias_layout)?;
        // The product accumulates onto rows that already hold the bias: one pass over the result less than adding it
        // afterwards, and the result needs initial values anyway.
        let mut y = Vec::with_capacity(rows * outputs);
        for _ in 0..rows {
            y.extend_from_slice(bias);
        }
        let x = view(slice(self.name(), x, x_layout)?, rows, inputs)?;
        let weight = view(slice(self.name(), weight, weight_layout)?, outputs, inputs)?;
        let mut product = ArrayViewMut2::from_shape((rows, outputs), &mut y).map_err(Error::wrap)?;
        general_mat_mul(1.0, &x, &weight.t(), 1.0, &mut product);
        Ok((CpuStorage::F32(y), Shape::from((rows, outputs))))
    }
}

fn view(values: &[f32], rows: usize, columns: usize) -> Result<ArrayView2<'_, f32>> {
    ArrayView2::from_shape((rows, columns), values).map_err(Error::wrap)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use candle_core::Device;

    use super::*;

    #[test]
    fn linear_is_the_product_with_the_transposed_weights_plus_the_bias() {
        let (rows, inputs, outputs) = (5, 9, 11);
        let ramp = |count: usize, step: f32| (0..count).map(|i| (i as f32 * step).sin()).collect::<Vec<_>>();
        let (x, w, b) = (ramp(rows * inputs, 0.7), ramp(outputs * inputs, 0.3), ramp(outputs, 1.1));
        let device = Device::Cpu;
        let weights = LinearWeights {
            weight: Tensor::from_slice(&w, (outputs, inputs), &device).unwrap(),
            bias: Tensor::from_slice(&b, outputs, &device).unwrap(),
        };
        let y = linear(&Tensor::from_slice(&x, (rows, inputs), &device).unwrap(), &weights).unwrap();
        let y = y.to_vec2::<f32>().unwrap();
        for r in 0..rows {
            for o in 0..outputs {
                let dot: f64 =
                    (0..inputs).map(|i| f64::from(x[r * inputs + i]) * f64::from(w[o * inputs + i])).sum();
                let expected = dot + f64::from(b[o]);
                assert!((f64::from(y[r][o]) - expected).abs() < 1e-5, "row {r}, output {o}");
            }
        }
    }

    #[test]
    fn weights_of_another_width_are_refused() {
        let device = Device::Cpu;
        let weights = LinearWeights {
            weight: Tensor::zeros((4, 3), candle_core::DType::F32, &device).unwrap(),
            bias: Tensor::zeros(4, candle_core::DType::F32, &device).unwrap(),
        };
        let x = Tensor::zeros((2, 5), candle_core::DType::F32, &device).unwrap();
        let message = linear(&x, &weights).unwrap_err().to_string();
        assert!(message.contains("4x3 weights to rows of 5"), "{message}");
    }
}
