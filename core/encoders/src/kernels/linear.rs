//! Dense layers: y = x·Wᵀ + b.

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{
    CpuStorage, CustomOp1, CustomOp2, CustomOp3, DType, Error, Layout, Result, Shape, Storage, Tensor, bail,
};
use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2};
// The link to the BLAS library that `general_mat_mul` calls.
use ndarray_linalg as _;

use super::gelu::{Activation, activate, apply};
use super::packed::PackedWeights;
use super::storage::{store_as, values};

/// The parameters of a dense layer as a checkpoint has them.
pub(crate) struct DenseTensors {
    /// out×in, as PyTorch stores it.
    pub(crate) weight: Tensor,
    /// out; some families have none.
    pub(crate) bias: Option<Tensor>,
}

impl DenseTensors {
    /// Joins dense layers that read the same rows into one, their outputs side by side.
    pub(crate) fn stack(parts: &[Self]) -> Result<Self> {
        let weights: Vec<&Tensor> = parts.iter().map(|part| &part.weight).collect();
        let biases: Option<Vec<&Tensor>> = parts.iter().map(|part| part.bias.as_ref()).collect();
        let bias = biases.map(|biases| Tensor::cat(&biases, 0)).transpose()?;
        Ok(Self { weight: Tensor::cat(&weights, 0)?, bias })
    }
}

/// The parameters of a dense layer, ready to multiply by.
pub(crate) enum LinearWeights {
    /// On a CPU, widened to f32.
    Packed(PackedWeights),
    /// On a GPU, or on a CPU that packing does not pay on.
    Tensors(DenseTensors),
}

impl LinearWeights {
    /// Prepares what a checkpoint has for the device that it is on.
    pub(crate) fn new(tensors: DenseTensors) -> Result<Self> {
        let (_, inputs) = tensors.weight.dims2()?;
        let on_cpu = |tensor: &Tensor| {
            if !tensor.device().is_cpu() {
                return Ok(None);
            }
            let (storage, layout) = tensor.storage_and_layout();
            match &*storage {
                Storage::Cpu(storage) => Ok(Some(values(NAME, storage, layout)?.into_owned())),
                _ => Ok::<_, Error>(None),
            }
        };
        let bias = tensors.bias.as_ref().map(on_cpu).transpose()?.flatten();
        let weight = on_cpu(&tensors.weight)?;
        let packed = weight.and_then(|weight| PackedWeights::new(&weight, bias, inputs));
        Ok(packed.map_or(Self::Tensors(tensors), Self::Packed))
    }
}

/// Computes x·Wᵀ + b for T×in rows `x`; the result is T×out.
pub(crate) fn linear(x: &Tensor, weights: &LinearWeights) -> Result<Tensor> {
    match weights {
        LinearWeights::Packed(weights) => x.apply_op1_no_bwd(&PackedLinear { weights, activation: None }),
        LinearWeights::Tensors(DenseTensors { weight, bias: Some(bias) }) => {
            x.apply_op3_no_bwd(weight, bias, &Linear)
        }
        LinearWeights::Tensors(DenseTensors { weight, bias: None }) => x.apply_op2_no_bwd(weight, &Linear),
    }
}

/// Computes the activation of x·Wᵀ + b.
pub(crate) fn linear_activated(
    x: &Tensor,
    weights: &LinearWeights,
    activation: Activation,
) -> Result<Tensor> {
    match weights {
        LinearWeights::Packed(weights) if x.dtype() == DType::F32 => {
            x.apply_op1_no_bwd(&PackedLinear { weights, activation: Some(activation) })
        }
        // A half format rounds what the product gives before it is activated.
        _ => activate(linear(x, weights)?, activation),
    }
}

struct PackedLinear<'a> {
    weights: &'a PackedWeights,
    activation: Option<Activation>,
}

impl CustomOp1 for PackedLinear<'_> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (rows, inputs) = layout.shape().dims2()?;
        let weights = self.weights;
        if inputs != weights.inputs() {
            return Err(misfit(weights.outputs(), weights.inputs(), inputs));
        }
        let y = weights.multiply(&values(NAME, x, layout)?, |y| {
            if let Some(activation) = self.activation {
                apply(activation, y);
            }
        });
        Ok((store_as(x, y), Shape::from((rows, weights.outputs()))))
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
        return Err(misfit(outputs, weight_inputs, inputs));
    }
    Ok((rows, outputs))
}

fn misfit(outputs: usize, inputs: usize, given: usize) -> Error {
    Error::Msg(format!("{NAME} cannot apply {outputs}x{inputs} weights to rows of {given}")).bt()
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

    fn tensor(values: &[f32], rows: usize) -> Tensor {
        Tensor::from_slice(values, (rows, values.len() / rows), &Device::Cpu).unwrap()
    }

    /// The weights as they are multiplied by on this machine, and as a BLAS takes them.
    fn both_forms(weight: &Tensor, bias: Option<&Tensor>) -> [LinearWeights; 2] {
        let tensors = || DenseTensors { weight: weight.clone(), bias: bias.cloned() };
        [LinearWeights::new(tensors()).unwrap(), LinearWeights::Tensors(tensors())]
    }

    #[test]
    fn linear_is_the_product_with_the_transposed_weights_plus_the_bias() {
        let (rows, inputs, outputs) = (5, 9, 11);
        let ramp = |count: usize, step: f32| (0..count).map(|i| (i as f32 * step).sin()).collect::<Vec<_>>();
        let (x, w, b) = (ramp(rows * inputs, 0.7), ramp(outputs * inputs, 0.3), ramp(outputs, 1.1));
        let bias = Tensor::from_slice(&b, outputs, &Device::Cpu).unwrap();
        for weights in both_forms(&tensor(&w, outputs), Some(&bias)) {
            let y = linear(&tensor(&x, rows), &weights).unwrap().to_vec2::<f32>().unwrap();
            for r in 0..rows {
                for o in 0..outputs {
                    let dot: f64 = (0..inputs)
                        .map(|i| f64::from(x[r * inputs + i]) * f64::from(w[o * inputs + i]))
                        .sum();
                    let expected = dot + f64::from(b[o]);
                    assert!((f64::from(y[r][o]) - expected).abs() < 1e-5, "row {r}, output {o}");
                }
            }
        }
    }

    #[test]
    fn without_a_bias_only_the_product_is_left() {
        for weights in both_forms(&tensor(&[1.0, 2.0, 3.0, 4.0], 2), None) {
            let y = linear(&tensor(&[1.0, -1.0], 1), &weights).unwrap();
            assert_eq!(y.to_vec2::<f32>().unwrap(), [[-1.0, -1.0]]);
        }
    }

    #[test]
    fn half_formats_multiply_in_f32_and_round_once() {
        let x = tensor(&[1.0, 0.5, -2.0], 1).to_dtype(DType::BF16).unwrap();
        let weight = tensor(&[1.0, 2.0, 0.003_906_25], 1).to_dtype(DType::BF16).unwrap();
        for weights in both_forms(&weight, None) {
            let y = linear(&x, &weights).unwrap();
            assert_eq!(y.dtype(), DType::BF16);
            // 2 − 1/128 is no bf16; its neighbours are 1.9921875 and 2.
            assert_eq!(y.to_dtype(DType::F32).unwrap().to_vec2::<f32>().unwrap(), [[1.992_187_5]]);
        }
    }

    #[test]
    fn an_activation_on_the_way_gives_the_bits_of_one_afterwards() {
        let ramp = |count: usize, step: f32| (0..count).map(|i| (i as f32 * step).sin()).collect::<Vec<_>>();
        for format in [DType::F32, DType::F16] {
            let x = tensor(&ramp(7 * 9, 0.7), 7).to_dtype(format).unwrap();
            let weight = tensor(&ramp(21 * 9, 0.3), 21).to_dtype(format).unwrap();
            for weights in both_forms(&weight, None) {
                let together = linear_activated(&x, &weights, Activation::Gelu).unwrap();
                let apart = activate(linear(&x, &weights).unwrap(), Activation::Gelu).unwrap();
                let bits = |y: Tensor| {
                    let y = y.to_dtype(DType::F32).unwrap().flatten_all().unwrap().to_vec1::<f32>().unwrap();
                    y.into_iter().map(f32::to_bits).collect::<Vec<_>>()
                };
                assert_eq!(bits(together), bits(apart));
            }
        }
    }

    #[test]
    fn weights_of_another_width_are_refused() {
        let weight = Tensor::zeros((4, 3), DType::F32, &Device::Cpu).unwrap();
        for weights in both_forms(&weight, None) {
            let x = Tensor::zeros((2, 5), DType::F32, &Device::Cpu).unwrap();
            let message = linear(&x, &weights).unwrap_err().to_string();
            assert!(message.contains("4x3 weights to rows of 5"), "{message}");
        }
    }
}
