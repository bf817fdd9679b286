//! The convolution beside the first layer of the largest DeBERTa v2 models: neighbouring embeddings join what the layer made.

use candle_core::{Result, Tensor};

use super::parameters::{Norm, prepare};
use crate::device::Placement;
use crate::error::EncoderError;
use crate::kernels::{
    Activation, DenseTensors, LinearWeights, NormWeights, Sequences, linear_activated, residual_layer_norm,
    unfold,
};
use crate::weights::{TensorSpec, Weights};

const WEIGHT: &str = "encoder.conv.conv.weight";
const BIAS: &str = "encoder.conv.conv.bias";
const NORM: &str = "encoder.conv.LayerNorm";

/// The sizes and functions of the convolution.
#[derive(Clone, Copy)]
pub(super) struct ConvForm {
    /// H.
    pub(super) width: usize,
    /// Rows that it sees at once, odd.
    pub(super) size: usize,
    pub(super) activation: Activation,
    pub(super) epsilon: f64,
}

impl ConvForm {
    fn norm(self) -> Norm {
        Norm { name: NORM, width: self.width, shift: true, epsilon: self.epsilon }
    }

    /// Lists the tensors.
    pub(super) fn tensors(self) -> impl Iterator<Item = TensorSpec> {
        let spec = |name: &str, shape| TensorSpec { name: name.to_owned(), shape };
        let weight = spec(WEIGHT, vec![self.width, self.width, self.size]);
        [weight, spec(BIAS, vec![self.width])].into_iter().chain(self.norm().tensors(""))
    }
}

/// The convolution with its weights.
pub(super) struct ConvLayer {
    form: ConvForm,
    /// H×(size·H), for rows with their neighbours side by side.
    conv: LinearWeights,
    norm: NormWeights,
}

impl ConvLayer {
    /// Reads the weights.
    pub(super) fn load(
        form: ConvForm,
        weights: &Weights,
        placement: &Placement,
    ) -> std::result::Result<Self, EncoderError> {
        let ConvForm { width, size, .. } = form;
        let sort = |stored: Tensor| stored.transpose(1, 2)?.contiguous()?.reshape((width, size * width));
        let weight = sort(weights.stored(WEIGHT, placement)?);
        let bias = Some(weights.stored(BIAS, placement)?);
        let conv = prepare(weight.map(|weight| DenseTensors { weight, bias }))?;
        Ok(Self { form, conv, norm: form.norm().load(weights, "", placement)? })
    }

    /// Convolves `embeddings` and adds them to `states`, what the first layer made of them; all T×H.
    pub(super) fn forward(
        &self,
        embeddings: &Tensor,
        states: &Tensor,
        sequences: &Sequences,
    ) -> Result<Tensor> {
        let neighbours = unfold(embeddings, sequences, self.form.size)?;
        let convolved = linear_activated(&neighbours, &self.conv, self.form.activation)?;
        residual_layer_norm(&convolved, states, &self.norm)
    }
}
