//! Dense layers: y = x·Wᵀ + b.

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CpuStorage, CustomOp2, CustomOp3, Error, Layout, Result, Shape, Tensor, bail};
use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2};
// The link to the BLAS library that `general_mat_mul` calls.
use ndarray_linalg as _;

use super::storage::{store_as, values};

/// The parameters of a dense layer.
pub(crate) struct LinearWeights {
    /// out×in, as PyTorch stores it.
    pub(crate) weight: Tensor,
    /// out; some families have none.
    pub(crate) bias: Option<Tensor>,
}

impl LinearWeights {
    /// Joins dense layers that read the same rows into one, their outputs side by side.
    pub(crate) fn stack(parts: &[Self]) -> Result<Self> {
        let weights: Vec<&Tensor> = parts.iter().map(|part| &part.weight).collect();
        let biases: Option<Vec<&Tensor>> = parts.iter().map(|part| part.bias.as_ref()).collect();
        let bias = biases.map(|biases| Tensor::cat(&biases, 0)).transpose()?;
        Ok(Self { weight: Tensor::cat(&weights, 0)?, bias })
    }
}

/// Computes x·Wᵀ + b for T×in rows `x`; the result is T×out.
pub(crate) fn linear(x: &Tensor, weights: &LinearWeights) -> Result<Tensor> {
    match &weights.bias {
        Some(bias) => x.apply_op3_no_bwd(&weights.weight, bias, &Linear),
        None => x.apply_op2_no_bwd(&weights.weight, &Linear),
    }
}

struct Linear;

impl CustomOp2 for Linear {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        weight: &CpuStorage,
        weight_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (rows, outputs) = sizes(x_layout, weight_layout)?;
        let mut y = vec![0.0; rows * outputs];
        product(&mut y, 0.0, (x, x_layout), (weight, weight_layout))?;
        Ok((store_as(x, y), Shape::from((rows, outputs))))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        x: &CudaStorage,
        x_layout: &Layout,
        weight: &CudaStorage,
        weight_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let (rows, outputs) = sizes(x_layout, weight_layout)?;
        let y = isoscope_cuda::linear((x, x_layout), (weight, weight_layout), None)?;
        Ok((y, Shape::from((rows, outputs))))
    }
}

impl CustomOp3 for Linear {
    fn name(&self) -> &'static str {
        NAME
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
        let (rows, outputs) = sizes(x_layout, weight_layout)?;
        if bias_layout.shape().dims1()? != outputs {
            bail!("{NAME} cannot add a bias of {:?} to rows of {outputs}", bias_layout.shape());
        }
        let bias = values(NAME, bias, bias_layout)?;
        // The product accumulates onto rows that already hold the bias: one pass over the result less than adding it
        // afterwards, and the result needs initial values anyway.
        let mut y = Vec::with_capacity(rows * outputs);
        for _ in 0..rows {
            y.extend_from_slice(&bias);
        }
        product(&mut y, 1.0, (x, x_layout), (weight, weight_layout))?;
        Ok((store_as(x, y), Shape::from((rows, outputs))))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        x: &CudaStorage,
        x_layout: &Layout,
        weight: &CudaStorage,
        weight_layout: &Layout,
        bias: &CudaStorage,
        bias_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let (rows, outputs) = sizes(x_layout, weight_layout)?;
        let y = isoscope_cuda::linear((x, x_layout), (weight, weight_layout), Some((bias, bias_layout)))?;
        Ok((y, Shape::from((rows, outputs))))
    }
}

const NAME: &str = "linear";

/// Returns T and the number of outputs.
fn sizes(x: &Layout, weight: &Layout) -> Result<(usize, usize)> {
    let (rows, inputs) = x.shape().dims2()?;
    let (outputs, weight_inputs) = weight.shape().dims2()?;
    if inputs != weight_inputs {
        bail!("{NAME} cannot apply {outputs}x{weight_inputs} weights to rows of {inputs}");
    }
    Ok((rows, outputs))
}

/// Computes y ← x·Wᵀ + `keep`·y.
fn product(
    y: &mut [f32],
    keep: f32,
    x: (&CpuStorage, &Layout),
    weight: (&CpuStorage, &Layout),
) -> Result<()> {
    let ((rows, inputs), (outputs, _)) = (x.1.shape().dims2()?, weight.1.shape().dims2()?);
    let (x, weight) = (values(NAME, x.0, x.1)?, values(NAME, weight.0, weight.1)?);
    let (x, weight) = (view(&x, rows, inputs)?, view(&weight, outputs, inputs)?);
    let mut y = ArrayViewMut2::from_shape((rows, outputs), y).map_err(Error::wrap)?;
    general_mat_mul(1.0, &x, &weight.t(), keep, &mut y);
    Ok(())
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
            bias: Some(Tensor::from_slice(&b, outputs, &device).unwrap()),
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
    fn without_a_bias_only_the_product_is_left() {
        let tensor = |values: &[f32], rows: usize| {
            Tensor::from_slice(values, (rows, values.len() / rows), &Device::Cpu).unwrap()
        };
        let weights = LinearWeights { weight: tensor(&[1.0, 2.0, 3.0, 4.0], 2), bias: None };
        let y = linear(&tensor(&[1.0, -1.0], 1), &weights).unwrap();
        assert_eq!(y.to_vec2::<f32>().unwrap(), [[-1.0, -1.0]]);
    }

    #[test]
    fn weights_of_another_width_are_refused() {
        let device = Device::Cpu;
        let weights = LinearWeights {
            weight: Tensor::zeros((4, 3), candle_core::DType::F32, &device).unwrap(),
            bias: None,
        };
        let x = Tensor::zeros((2, 5), candle_core::DType::F32, &device).unwrap();
        let message = linear(&x, &weights).unwrap_err().to_string();
        assert!(message.contains("4x3 weights to rows of 5"), "{message}");
    }
}
