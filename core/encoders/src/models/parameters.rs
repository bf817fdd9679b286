//! Listing and reading the parameters of dense layers and norms.

use candle_core::Tensor;

use crate::device::Placement;
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
    placement: &Placement,
) -> Result<LinearWeights, EncoderError> {
    let bias = Some(weights.stored(&format!("{name}.bias"), placement)?);
    Ok(LinearWeights { bias, ..load_bare_dense(weights, name, placement)? })
}

/// Reads a dense layer that has no bias.
pub(super) fn load_bare_dense(
    weights: &Weights,
    name: &str,
    placement: &Placement,
) -> Result<LinearWeights, EncoderError> {
    Ok(LinearWeights { weight: weights.stored(&format!("{name}.weight"), placement)?, bias: None })
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
    placement: &Placement,
) -> Result<NormWeights, EncoderError> {
    let scale = weights.exact(&format!("{name}.weight"), placement)?;
    let shift = weights.exact(&format!("{name}.bias"), placement)?;
    let scale_shift = Tensor::stack(&[scale, shift], 0)
        .map_err(|source| EncoderError::Compute { step: "joining the layer norm weights", source })?;
    Ok(NormWeights { scale_shift, epsilon })
}
