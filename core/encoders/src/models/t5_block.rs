//! T5's layer: attention and a feed-forward block, each normalised before it and added to what came in.

use candle_core::{Result, Tensor};

use super::parameters::{Dense, load_stacked};
use crate::device::Placement;
use crate::error::EncoderError;
use crate::kernels::{
    Activation, Attention, LinearWeights, RmsNormWeights, Sequences, activate_gated, linear,
    linear_activated, residual_add, rms_norm, self_attention,
};
use crate::weights::{TensorSpec, Weights};

const QUERY: &str = "layer.0.SelfAttention.q";
const KEY: &str = "layer.0.SelfAttention.k";
const VALUE: &str = "layer.0.SelfAttention.v";
const ATTENTION_OUTPUT: &str = "layer.0.SelfAttention.o";
const ATTENTION_NORM: &str = "layer.0.layer_norm";
const UP: &str = "layer.1.DenseReluDense.wi";
const GATED_UP: &str = "layer.1.DenseReluDense.wi_0";
const GATE: &str = "layer.1.DenseReluDense.wi_1";
const DOWN: &str = "layer.1.DenseReluDense.wo";
const FEED_FORWARD_NORM: &str = "layer.1.layer_norm";

/// The sizes and functions that all blocks of a model share.
#[derive(Clone, Copy)]
pub(super) struct BlockForm {
    pub(super) width: usize,
    /// Width of all heads together, A, which need not be that of the hidden states.
    pub(super) attention: usize,
    pub(super) heads: usize,
    pub(super) inner: usize,
    pub(super) gated: bool,
    pub(super) activation: Activation,
    pub(super) epsilon: f64,
}

/// One block with its weights; no dense layer has a bias.
pub(super) struct T5Block {
    form: BlockForm,
    attention_norm: RmsNormWeights,
    /// Queries, keys and values in one product: 3A×H.
    qkv: LinearWeights,
    attention_output: LinearWeights,
    feed_forward_norm: RmsNormWeights,
    /// What is activated, then its gate where there is one: F×H or 2F×H.
    up: LinearWeights,
    down: LinearWeights,
}

/// The parts of a block, by name.
struct Parts {
    attention_norm: String,
    qkv: [Dense; 3],
    attention_output: Dense,
    feed_forward_norm: String,
    /// What is activated, then its gate where there is one.
    up: Vec<Dense>,
    down: Dense,
}

impl Parts {
    fn of(scope: &str, form: BlockForm) -> Self {
        let BlockForm { width, attention, inner, .. } = form;
        let dense = |name, outputs, inputs| Dense { name, outputs, inputs, bias: false };
        let ups: &[&str] = if form.gated { &[GATED_UP, GATE] } else { &[UP] };
        Self {
            attention_norm: format!("{scope}{ATTENTION_NORM}"),
            qkv: [QUERY, KEY, VALUE].map(|name| dense(name, attention, width)),
            attention_output: dense(ATTENTION_OUTPUT, width, attention),
            feed_forward_norm: format!("{scope}{FEED_FORWARD_NORM}"),
            up: ups.iter().map(|name| dense(name, inner, width)).collect(),
            down: dense(DOWN, width, inner),
        }
    }
}

impl T5Block {
    /// Lists the tensors of the block whose names start with `scope`.
    pub(super) fn tensors(scope: &str, form: BlockForm) -> Vec<TensorSpec> {
        let parts = Parts::of(scope, form);
        let dense = parts.qkv.into_iter().chain([parts.attention_output]).chain(parts.up).chain([parts.down]);
        let norms = [parts.attention_norm, parts.feed_forward_norm];
        let norms = norms.map(|name| norm_tensor(&name, form.width));
        dense.flat_map(|dense| dense.tensors(scope)).chain(norms).collect()
    }

    /// Reads the weights of the block whose names start with `scope`.
    pub(super) fn load(
        weights: &Weights,
        scope: &str,
        form: BlockForm,
        placement: &Placement,
    ) -> std::result::Result<Self, EncoderError> {
        let parts = Parts::of(scope, form);
        Ok(Self {
            form,
            attention_norm: load_norm(weights, &parts.attention_norm, form.epsilon, placement)?,
            qkv: load_stacked(&parts.qkv, weights, scope, placement)?,
            attention_output: parts.attention_output.load(weights, scope, placement)?,
            feed_forward_norm: load_norm(weights, &parts.feed_forward_norm, form.epsilon, placement)?,
            up: load_stacked(&parts.up, weights, scope, placement)?,
            down: parts.down.load(weights, scope, placement)?,
        })
    }

    /// Computes the next hidden states, T×H, from those of the block below.
    pub(super) fn forward(&self, x: &Tensor, sequences: &Sequences, attention: &Attention) -> Result<Tensor> {
        let normed = rms_norm(x, &self.attention_norm)?;
        let attended = self_attention(&linear(&normed, &self.qkv)?, sequences, attention)?;
        let x = residual_add(linear(&attended, &self.attention_output)?, x)?;
        let normed = rms_norm(&x, &self.feed_forward_norm)?;
        let inner = if self.form.gated {
            activate_gated(&linear(&normed, &self.up)?, self.form.activation)?
        } else {
            linear_activated(&normed, &self.up, self.form.activation)?
        };
        residual_add(linear(&inner, &self.down)?, &x)
    }
}

/// Lists the one tensor of a root mean square norm.
pub(super) fn norm_tensor(name: &str, width: usize) -> TensorSpec {
    TensorSpec { name: format!("{name}.weight"), shape: vec![width] }
}

/// Reads a root mean square norm.
pub(super) fn load_norm(
    weights: &Weights,
    name: &str,
    epsilon: f64,
    placement: &Placement,
) -> std::result::Result<RmsNormWeights, EncoderError> {
    Ok(RmsNormWeights { scale: weights.exact(&format!("{name}.weight"), placement)?, epsilon })
}
