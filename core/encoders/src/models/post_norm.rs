//! The transformer layer that BERT and most of its relatives share: attention and a feed-forward block, each followed by a
//! residual sum and a layer norm (Vaswani et al. 2017, arXiv 1706.03762, §3.1).

use candle_core::{Device, Result, Tensor};

use crate::error::EncoderError;
use crate::kernels::{
    Activation, Attention, LinearWeights, NormWeights, Sequences, activate, linear, residual_layer_norm,
    self_attention,
};
use crate::weights::{TensorSpec, Weights};

const QUERY: &str = "attention.self.query";
const KEY: &str = "attention.self.key";
const VALUE: &str = "attention.self.value";
const ATTENTION_OUTPUT: &str = "attention.output.dense";
const ATTENTION_NORM: &str = "attention.output.LayerNorm";
const UP: &str = "intermediate.dense";
const DOWN: &str = "output.dense";
const OUTPUT_NORM: &str = "output.LayerNorm";

/// The sizes and functions that all layers of a model share.
#[derive(Clone, Copy)]
pub(super) struct LayerForm {
    pub(super) width: usize,
    pub(super) inner: usize,
    pub(super) heads: usize,
    pub(super) activation: Activation,
    pub(super) epsilon: f64,
}

/// One layer with its weights.
pub(super) struct PostNormLayer {
    form: LayerForm,
    /// Queries, keys and values in one product: 3H×H.
    qkv: LinearWeights,
    attention_output: LinearWeights,
    attention_norm: NormWeights,
    up: LinearWeights,
    down: LinearWeights,
    output_norm: NormWeights,
}

impl PostNormLayer {
    /// Lists the tensors of the layer whose names start with `scope`.
    pub(super) fn tensors(scope: &str, form: LayerForm) -> Vec<TensorSpec> {
        let LayerForm { width, inner, .. } = form;
        let mut specs = Vec::new();
        let dense = [
            (QUERY, width, width),
            (KEY, width, width),
            (VALUE, width, width),
            (ATTENTION_OUTPUT, width, width),
        ];
        for (name, outputs, inputs) in dense.into_iter().chain([(UP, inner, width), (DOWN, width, inner)]) {
            specs.push(TensorSpec { name: format!("{scope}{name}.weight"), shape: vec![outputs, inputs] });
            specs.push(TensorSpec { name: format!("{scope}{name}.bias"), shape: vec![outputs] });
        }
        for name in [ATTENTION_NORM, OUTPUT_NORM] {
            specs.extend(norm_tensors(&format!("{scope}{name}"), width));
        }
        specs
    }

    /// Reads the weights of the layer whose names start with `scope`.
    pub(super) fn load(
        weights: &Weights,
        scope: &str,
        form: LayerForm,
        device: &Device,
    ) -> std::result::Result<Self, EncoderError> {
        let dense = |name: &str| load_linear(weights, &format!("{scope}{name}"), device);
        let norm = |name: &str| load_norm(weights, &format!("{scope}{name}"), form.epsilon, device);
        let parts = [dense(QUERY)?, dense(KEY)?, dense(VALUE)?];
        let qkv = LinearWeights::stack(&parts)
            .map_err(|source| EncoderError::Compute { step: "joining the attention weights", source })?;
        Ok(Self {
            form,
            qkv,
            attention_output: dense(ATTENTION_OUTPUT)?,
            attention_norm: norm(ATTENTION_NORM)?,
            up: dense(UP)?,
            down: dense(DOWN)?,
            output_norm: norm(OUTPUT_NORM)?,
        })
    }

    /// Computes the next hidden states, T×H, from those of the layer below.
    pub(super) fn forward(&self, x: &Tensor, sequences: &Sequences) -> Result<Tensor> {
        let qkv = linear(x, &self.qkv)?;
        let attended = self_attention(&qkv, sequences, &Attention::plain(self.form.heads, self.form.width))?;
        let attended = linear(&attended, &self.attention_output)?;
        let x = residual_layer_norm(&attended, x, &self.attention_norm)?;
        let inner = activate(linear(&x, &self.up)?, self.form.activation)?;
        residual_layer_norm(&linear(&inner, &self.down)?, &x, &self.output_norm)
    }
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
) -> std::result::Result<NormWeights, EncoderError> {
    let scale = weights.tensor(&format!("{name}.weight"), device)?;
    let shift = weights.tensor(&format!("{name}.bias"), device)?;
    let scale_shift = Tensor::stack(&[scale, shift], 0)
        .map_err(|source| EncoderError::Compute { step: "joining the layer norm weights", source })?;
    Ok(NormWeights { scale_shift, epsilon })
}

fn load_linear(
    weights: &Weights,
    name: &str,
    device: &Device,
) -> std::result::Result<LinearWeights, EncoderError> {
    Ok(LinearWeights {
        weight: weights.tensor(&format!("{name}.weight"), device)?,
        bias: Some(weights.tensor(&format!("{name}.bias"), device)?),
    })
}
