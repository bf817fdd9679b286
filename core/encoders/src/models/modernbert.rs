//! ModernBERT (Warner et al. 2024, arXiv 2412.13663).

use std::path::Path;

use candle_core::{Result, Tensor};

use super::forward_pass::{ForwardPass, LayeredEncoder};
use super::modernbert_config::ModernBertConfig;
use super::parameters::{Dense, Norm, Table};
use super::{Dimensions, Family};
use crate::batch::TokenBatch;
use crate::device::Placement;
use crate::encoder::Encoder;
use crate::error::EncoderError;
use crate::facts::CheckpointFacts;
use crate::kernels::{
    Activation, Attention, LinearWeights, Lookup, NormWeights, Rotary, Sequences, activate_gated, embed,
    layer_norm, linear, residual_add, rotate, self_attention,
};
use crate::weights::{TensorSpec, Weights};

const WORDS: &str = "embeddings.tok_embeddings.weight";

/// A ModernBERT configuration that was found usable.
struct ModernBertFamily(ModernBertConfig);

/// The parts of a layer, by name.
struct Parts {
    /// The first layer sees embeddings that are normalised already.
    attention_norm: Option<Norm>,
    qkv: Dense,
    attention_output: Dense,
    inner_norm: Norm,
    up: Dense,
    down: Dense,
}

/// Reads `config.json`.
pub(super) fn parse(path: &Path, bytes: &[u8]) -> std::result::Result<Box<dyn Family>, EncoderError> {
    Ok(Box::new(ModernBertFamily(ModernBertConfig::parse(path, bytes)?)))
}

impl Family for ModernBertFamily {
    fn prefixes(&self) -> &'static [&'static str] {
        // A bare encoder has no prefix; one saved with a head on top lies under `model.`.
        &["", "model."]
    }

    fn anchor(&self) -> &'static str {
        WORDS
    }

    fn dimensions(&self) -> Dimensions {
        let ModernBertConfig { layers, width, positions, vocab, .. } = self.0;
        Dimensions { layers, width, max_positions: positions, vocab }
    }

    fn tensors(&self, _: &Weights) -> Box<dyn Iterator<Item = TensorSpec> + '_> {
        let layers = (0..self.0.layers).flat_map(|layer| {
            let (scope, parts) = (scope(layer), self.parts(layer));
            let dense = [parts.qkv, parts.attention_output, parts.up, parts.down];
            let dense = dense.map(|dense| dense.tensors(&scope)).into_iter().flatten();
            let norms = parts.attention_norm.into_iter().chain([parts.inner_norm]);
            let norms: Vec<TensorSpec> = norms.flat_map(|norm| norm.tensors(&scope)).collect();
            dense.chain(norms)
        });
        let norms = [self.norm("embeddings.norm"), self.norm("final_norm")];
        let norms = norms.map(|norm| norm.tensors("")).into_iter().flatten();
        Box::new(std::iter::once(self.words().tensor()).chain(norms).chain(layers))
    }

    fn load(
        &self,
        weights: &Weights,
        facts: CheckpointFacts,
        placement: &Placement,
    ) -> std::result::Result<Box<dyn Encoder>, EncoderError> {
        let config = &self.0;
        let mut layers = Vec::new();
        for layer in 0..config.layers {
            let (scope, parts) = (scope(layer), self.parts(layer));
            let dense = |dense: Dense| dense.load(weights, &scope, placement);
            let norm = |norm: Norm| norm.load(weights, &scope, placement);
            layers.push(ModernBertLayer {
                local: config.sight.is_local(layer),
                attention_norm: parts.attention_norm.map(norm).transpose()?,
                qkv: dense(parts.qkv)?,
                attention_output: dense(parts.attention_output)?,
                inner_norm: norm(parts.inner_norm)?,
                up: dense(parts.up)?,
                down: dense(parts.down)?,
            });
        }
        let rotary = |base| {
            let table = Rotary::new(
                config.heads,
                config.width / config.heads,
                base,
                config.positions,
                &placement.device,
            );
            table.map_err(|source| EncoderError::Compute { step: "preparing the positions", source })
        };
        let attention = Attention::plain(config.heads, config.width);
        let pass = ModernBertPass {
            words: self.words().load(weights, placement)?,
            embedding_norm: self.norm("embeddings.norm").load(weights, "", placement)?,
            global: (rotary(config.global_base)?, attention.clone()),
            local: (rotary(config.local_base)?, Attention { window: Some(config.window), ..attention }),
            activation: config.activation,
            layers,
            final_norm: self.norm("final_norm").load(weights, "", placement)?,
        };
        Ok(Box::new(LayeredEncoder::new(facts, pass)))
    }
}

impl ModernBertFamily {
    fn words(&self) -> Table {
        Table { name: "embeddings.tok_embeddings", rows: self.0.vocab, width: self.0.width }
    }

    fn norm(&self, name: &'static str) -> Norm {
        Norm { name, width: self.0.width, shift: self.0.norm_bias, epsilon: self.0.epsilon }
    }

    fn parts(&self, layer: usize) -> Parts {
        let ModernBertConfig { width, inner, attention_bias, mlp_bias, .. } = self.0;
        let dense = |name, outputs, inputs, bias| Dense { name, outputs, inputs, bias };
        Parts {
            attention_norm: (layer > 0).then(|| self.norm("attn_norm")),
            qkv: dense("attn.Wqkv", 3 * width, width, attention_bias),
            attention_output: dense("attn.Wo", width, width, attention_bias),
            inner_norm: self.norm("mlp_norm"),
            up: dense("mlp.Wi", 2 * inner, width, mlp_bias),
            down: dense("mlp.Wo", width, inner, mlp_bias),
        }
    }
}

fn scope(layer: usize) -> String {
    format!("layers.{layer}.")
}

/// A loaded ModernBERT encoder.
struct ModernBertPass {
    words: Tensor,
    embedding_norm: NormWeights,
    /// Positions and attention of the layers that see all.
    global: (Rotary, Attention),
    /// Positions and attention of the layers that see a window.
    local: (Rotary, Attention),
    activation: Activation,
    layers: Vec<ModernBertLayer>,
    final_norm: NormWeights,
}

/// One layer with its weights.
struct ModernBertLayer {
    local: bool,
    attention_norm: Option<NormWeights>,
    /// Queries, keys and values in one product: 3H×H.
    qkv: LinearWeights,
    attention_output: LinearWeights,
    inner_norm: NormWeights,
    /// What is activated and what that lets through in one product: 2I×H.
    up: LinearWeights,
    down: LinearWeights,
}

impl ForwardPass for ModernBertPass {
    fn types(&self) -> Option<usize> {
        None
    }

    fn embed(&self, batch: &TokenBatch) -> Result<Tensor> {
        layer_norm(&embed(&[Lookup { table: &self.words, rows: batch.ids() }])?, &self.embedding_norm)
    }

    fn layer(&self, layer: usize, below: &Tensor, sequences: &Sequences) -> Result<Tensor> {
        let is_last = layer == self.layers.len();
        let layer = &self.layers[layer - 1];
        let (rotary, attention) = if layer.local { &self.local } else { &self.global };
        let qkv = match &layer.attention_norm {
            Some(norm) => linear(&layer_norm(below, norm)?, &layer.qkv)?,
            None => linear(below, &layer.qkv)?,
        };
        let attended = self_attention(&rotate(qkv, sequences, rotary)?, sequences, attention)?;
        let x = residual_add(linear(&attended, &layer.attention_output)?, below)?;
        let inner =
            activate_gated(&linear(&layer_norm(&x, &layer.inner_norm)?, &layer.up)?, self.activation)?;
        let x = residual_add(linear(&inner, &layer.down)?, &x)?;
        // transformers gives the last hidden state normalised, all others as the layers leave them.
        if is_last { layer_norm(&x, &self.final_norm) } else { Ok(x) }
    }
}
