//! Listing and reading the parameters of dense layers and norms.

use candle_core::{Device, Tensor};

use crate::error::EncoderError;
use crate::kernels::{LinearWeights, NormWeights};
use crate::weights::{TensorSpec, Weights};

/// Lists the two tensors of a dense layer.
pub(super) fn dense_tensors(name: &str, outputs: usize, inputs: usize) -> [TensorSpec; 2] {
    [
        TensorSpec { name: format!("{name}.weight"), shape: vec![outputs, inputs] },
        TensorSpec { name: format!("{name}.bias"), shape: vec![outputs] },
    ]
}

/// Reads a dense layer.
pub(super) fn load_dense(
    weights: &Weights,
    name: &str,
    device: &Device,
) -> Result<LinearWeights, EncoderError> {
    let bias = Some(weights.tensor(&format!("{name}.bias"), device)?);
    Ok(LinearWeights { bias, ..load_bare_dense(weights, name, device)? })
}

/// Reads a dense layer that has no bias.
pub(super) fn load_bare_dense(
    weights: &Weights,
    name: &str,
    device: &Device,
) -> Result<LinearWeights, EncoderError> {
    Ok(LinearWeights { weight: weights.tensor(&format!("{name}.weight"), device)?, bias: None })
}

/// Joins dense layers that read the same rows into one.
pub(super) fn stack(parts: &[LinearWeights]) -> Result<LinearWeights, EncoderError> {
    LinearWeights::stack(parts)
        .map_err(|source| EncoderError::Compute { step: "joining the weights of dense layers", source })
}

/// Lists the two tensors of a layer norm.
pub(super) fn norm_tensors(name: &str, width: usize) -> [TensorSpec; 2] {
    ["weight", "bias"].map(|part| TensorSpec { name: format!("{name}.{part}"), shape: vec![width] })
}

/// Reads a layer norm.
pub(super) fn load_norm(
    weights: &Weights,
    name: &str,
    epsilon: f64,
    device: &Device,
) -> Result<NormWeights, EncoderError> {
    let scale = weights.tensor(&format!("{name}.weight"), device)?;
    let shift = weights.tensor(&format!("{name}.bias"), device)?;
    let scale_shift = Tensor::stack(&[scale, shift], 0)
        .map_err(|source| EncoderError::Compute { step: "joining the layer norm weights", source })?;
    Ok(NormWeights { scale_shift, epsilon })
}
