//! The transformer layer that BERT and most of its relatives share: attention and a feed-forward block, each followed by a
//! residual sum and a layer norm (Vaswani et al. 2017, arXiv 1706.03762, §3.1).

use candle_core::{Result, Tensor};

use super::parameters::{dense_tensors, load_dense, load_norm, norm_tensors, stack};
use crate::device::Placement;
use crate::error::EncoderError;
use crate::kernels::{
    Activation, Attention, LinearWeights, NormWeights, Sequences, activate, linear, residual_layer_norm,
    self_attention,
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
    activation: Activation,
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
    pub(super) fn tensors(scope: &str, names: &LayerNames, form: LayerForm) -> Vec<TensorSpec> {
        let LayerForm { width, inner, .. } = form;
        let square =
            [names.query, names.key, names.value, names.attention_output].map(|name| (name, width, width));
        let dense = square.into_iter().chain([(names.up, inner, width), (names.down, width, inner)]);
        let norms = [names.attention_norm, names.output_norm];
        dense
            .flat_map(|(name, outputs, inputs)| dense_tensors(&format!("{scope}{name}"), outputs, inputs))
            .chain(norms.into_iter().flat_map(|name| norm_tensors(&format!("{scope}{name}"), width)))
            .collect()
    }

    /// Reads the weights of the layer whose names start with `scope`.
    pub(super) fn load(
        weights: &Weights,
        scope: &str,
        names: &LayerNames,
        form: LayerForm,
        placement: &Placement,
    ) -> std::result::Result<Self, EncoderError> {
        let dense = |name: &str| load_dense(weights, &format!("{scope}{name}"), placement);
        let norm = |name: &str| load_norm(weights, &format!("{scope}{name}"), form.epsilon, placement);
        Ok(Self {
            activation: form.activation,
            qkv: stack(&[dense(names.query)?, dense(names.key)?, dense(names.value)?])?,
            attention_output: dense(names.attention_output)?,
            attention_norm: norm(names.attention_norm)?,
            up: dense(names.up)?,
            down: dense(names.down)?,
            output_norm: norm(names.output_norm)?,
        })
    }

    /// Computes the next hidden states, T×H, from those of the layer below.
    pub(super) fn forward(&self, x: &Tensor, sequences: &Sequences, attention: &Attention) -> Result<Tensor> {
        let attended = self_attention(&linear(x, &self.qkv)?, sequences, attention)?;
        let attended = linear(&attended, &self.attention_output)?;
        let x = residual_layer_norm(&attended, x, &self.attention_norm)?;
        let inner = activate(linear(&x, &self.up)?, self.activation)?;
        residual_layer_norm(&linear(&inner, &self.down)?, &x, &self.output_norm)
    }
}
