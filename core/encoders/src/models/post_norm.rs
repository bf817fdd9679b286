//! The transformer layer that BERT and most of its relatives share: attention and a feed-forward block, each followed by a
//! residual sum and a layer norm (Vaswani et al. 2017, arXiv 1706.03762, §3.1).

use candle_core::{Result, Tensor};

use super::parameters::{Dense, Norm, load_stacked};
use crate::device::Placement;
use crate::error::EncoderError;
use crate::kernels::{
    Activation, Attention, LinearWeights, NormWeights, Sequences, linear, linear_activated,
    residual_layer_norm, self_attention,
};
use crate::weights::{TensorSpec, Weights};

/// What a family calls the parts of a layer.
pub(super) struct LayerNames {
    pub(super) query: &'static str,
    pub(super) key: &'static str,
    pub(super) value: &'static str,
    pub(super) attention_output: &'static str,
    pub(super) attention_norm: &'static str,
    pub(super) up: &'static str,
    pub(super) down: &'static str,
    pub(super) output_norm: &'static str,
}

/// The names of BERT, which RoBERTa and ELECTRA kept.
pub(super) const BERT_NAMES: LayerNames = LayerNames {
    query: "attention.self.query",
    key: "attention.self.key",
    value: "attention.self.value",
    attention_output: "attention.output.dense",
    attention_norm: "attention.output.LayerNorm",
    up: "intermediate.dense",
    down: "output.dense",
    output_norm: "output.LayerNorm",
};

impl LayerNames {
    /// Queries, keys and values.
    fn projections(&self, width: usize) -> [Dense; 3] {
        let square = |name| Dense { name, outputs: width, inputs: width, bias: true };
        [self.query, self.key, self.value].map(square)
    }
}

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
    /// Queries, keys and values in one product: 3H×H.
    qkv: LinearWeights,
    rest: AfterAttention,
}

impl PostNormLayer {
    /// Lists the tensors of the layer whose names start with `scope`.
    pub(super) fn tensors(scope: &str, names: &LayerNames, form: LayerForm) -> Vec<TensorSpec> {
        let projections = names.projections(form.width).into_iter().flat_map(|dense| dense.tensors(scope));
        projections.chain(AfterAttention::tensors(scope, names, form)).collect()
    }

    /// Reads the weights of the layer whose names start with `scope`.
    pub(super) fn load(
        weights: &Weights,
        scope: &str,
        names: &LayerNames,
        form: LayerForm,
        placement: &Placement,
    ) -> std::result::Result<Self, EncoderError> {
        Ok(Self {
            qkv: load_stacked(&names.projections(form.width), weights, scope, placement)?,
            rest: AfterAttention::load(weights, scope, names, form, placement)?,
        })
    }

    /// Computes the next hidden states, T×H, from those of the layer below.
    pub(super) fn forward(&self, x: &Tensor, sequences: &Sequences, attention: &Attention) -> Result<Tensor> {
        let attended = self_attention(&linear(x, &self.qkv)?, sequences, attention)?;
        self.rest.forward(&attended, x)
    }
}

/// What follows the attention itself, whatever that is.
pub(super) struct AfterAttention {
    activation: Activation,
    attention_output: LinearWeights,
    attention_norm: NormWeights,
    up: LinearWeights,
    down: LinearWeights,
    output_norm: NormWeights,
}

/// Its parts, by name.
struct Parts {
    attention_output: Dense,
    attention_norm: Norm,
    up: Dense,
    down: Dense,
    output_norm: Norm,
}

impl Parts {
    fn of(names: &LayerNames, form: LayerForm) -> Self {
        let LayerForm { width, inner, epsilon, .. } = form;
        let dense = |name, outputs, inputs| Dense { name, outputs, inputs, bias: true };
        let norm = |name| Norm { name, width, shift: true, epsilon };
        Self {
            attention_output: dense(names.attention_output, width, width),
            attention_norm: norm(names.attention_norm),
            up: dense(names.up, inner, width),
            down: dense(names.down, width, inner),
            output_norm: norm(names.output_norm),
        }
    }
}

impl AfterAttention {
    /// Lists the tensors of the layer whose names start with `scope`, without those of the attention itself.
    pub(super) fn tensors(
        scope: &str,
        names: &LayerNames,
        form: LayerForm,
    ) -> impl Iterator<Item = TensorSpec> + use<> {
        let parts = Parts::of(names, form);
        let dense = [parts.attention_output, parts.up, parts.down].map(|part| part.tensors(scope));
        let norms = [parts.attention_norm, parts.output_norm].map(|part| part.tensors(scope));
        dense.into_iter().flatten().chain(norms.into_iter().flatten())
    }

    /// Reads the weights of the layer whose names start with `scope`.
    pub(super) fn load(
        weights: &Weights,
        scope: &str,
        names: &LayerNames,
        form: LayerForm,
        placement: &Placement,
    ) -> std::result::Result<Self, EncoderError> {
        let parts = Parts::of(names, form);
        Ok(Self {
            activation: form.activation,
            attention_output: parts.attention_output.load(weights, scope, placement)?,
            attention_norm: parts.attention_norm.load(weights, scope, placement)?,
            up: parts.up.load(weights, scope, placement)?,
            down: parts.down.load(weights, scope, placement)?,
            output_norm: parts.output_norm.load(weights, scope, placement)?,
        })
    }

    /// Computes the next hidden states from those of the layer below and what attention made of them, all T×H.
    pub(super) fn forward(&self, attended: &Tensor, below: &Tensor) -> Result<Tensor> {
        let attended = linear(attended, &self.attention_output)?;
        let x = residual_layer_norm(&attended, below, &self.attention_norm)?;
        let inner = linear_activated(&x, &self.up, self.activation)?;
        residual_layer_norm(&linear(&inner, &self.down)?, &x, &self.output_norm)
    }
}
