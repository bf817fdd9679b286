//! NomicBERT (Nussbaum et al. 2024, arXiv 2402.01613).

use std::path::Path;

use candle_core::{Result, Tensor};

use super::embeddings::WORDS;
use super::forward_pass::{ForwardPass, LayeredEncoder};
use super::nomic_bert_config::NomicBertConfig;
use super::parameters::{Dense, Norm, Table, load_stacked};
use super::{Dimensions, Family};
use crate::batch::TokenBatch;
use crate::device::Placement;
use crate::encoder::Encoder;
use crate::error::EncoderError;
use crate::facts::CheckpointFacts;
use crate::kernels::{
    Activation, Attention, LinearWeights, Lookup, NormWeights, Rotary, Sequences, activate_gated, embed,
    layer_norm, linear, residual_add, residual_layer_norm, rotate, self_attention,
};
use crate::weights::{TensorSpec, Weights};

/// A NomicBERT configuration that was found usable.
struct NomicBertFamily(NomicBertConfig);

/// The parts of a layer, by name.
struct Parts {
    qkv: Dense,
    attention_output: Dense,
    /// What is activated, then what that lets through.
    up: [Dense; 2],
    down: Dense,
    norms: [Norm; 2],
}

/// Reads `config.json`.
pub(super) fn parse(path: &Path, bytes: &[u8]) -> std::result::Result<Box<dyn Family>, EncoderError> {
    Ok(Box::new(NomicBertFamily(NomicBertConfig::parse(path, bytes)?)))
}

impl Family for NomicBertFamily {
    fn prefixes(&self) -> &'static [&'static str] {
        // A bare encoder has no prefix; one saved with a head on top lies under `bert.`, or since transformers 5 under `nomic_bert.`.
        &["", "bert.", "nomic_bert."]
    }

    fn anchor(&self) -> &'static str {
        WORDS
    }

    fn dimensions(&self) -> Dimensions {
        let NomicBertConfig { layers, width, positions, vocab, .. } = self.0;
        Dimensions { layers, width, max_positions: positions, vocab }
    }

    fn tensors(&self, _: &Weights) -> Box<dyn Iterator<Item = TensorSpec> + '_> {
        let layers = (0..self.0.layers).flat_map(|layer| {
            let (scope, parts) = (scope(layer), self.parts());
            let dense = [parts.qkv, parts.attention_output, parts.up[0], parts.up[1], parts.down];
            let dense = dense.map(|dense| dense.tensors(&scope)).into_iter().flatten();
            dense.chain(parts.norms.map(|norm| norm.tensors(&scope)).into_iter().flatten())
        });
        let tables = [Some(self.words()), self.types()].into_iter().flatten().map(Table::tensor);
        Box::new(tables.chain(self.norm("emb_ln").tensors("")).chain(layers))
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
            let (scope, parts) = (scope(layer), self.parts());
            let dense = |dense: Dense| dense.load(weights, &scope, placement);
            layers.push(NomicBertLayer {
                qkv: dense(parts.qkv)?,
                attention_output: dense(parts.attention_output)?,
                attention_norm: parts.norms[0].load(weights, &scope, placement)?,
                up: load_stacked(&parts.up, weights, &scope, placement)?,
                down: dense(parts.down)?,
                output_norm: parts.norms[1].load(weights, &scope, placement)?,
            });
        }
        let rotary =
            Rotary::new(config.heads, config.turned, config.base, config.positions, &placement.device);
        let failed = |source| EncoderError::Compute { step: "preparing the positions", source };
        let pass = NomicBertPass {
            words: self.words().load(weights, placement)?,
            types: self.types().map(|table| table.load(weights, placement)).transpose()?,
            type_count: config.types,
            embedding_norm: self.norm("emb_ln").load(weights, "", placement)?,
            rotary: rotary.map_err(failed)?,
            attention: Attention::plain(config.heads, config.width),
            activation: config.activation,
            prenorm: config.prenorm,
            layers,
        };
        Ok(Box::new(LayeredEncoder::new(facts, pass)))
    }
}

impl NomicBertFamily {
    fn words(&self) -> Table {
        Table { name: "embeddings.word_embeddings", rows: self.0.vocab, width: self.0.width }
    }

    fn types(&self) -> Option<Table> {
        let (rows, width) = (self.0.types, self.0.width);
        (rows > 0).then_some(Table { name: "embeddings.token_type_embeddings", rows, width })
    }

    fn norm(&self, name: &'static str) -> Norm {
        Norm { name, width: self.0.width, shift: true, epsilon: self.0.epsilon }
    }

    fn parts(&self) -> Parts {
        let NomicBertConfig { width, inner, attention_bias, up_bias, down_bias, .. } = self.0;
        let dense = |name, outputs, inputs, bias| Dense { name, outputs, inputs, bias };
        Parts {
            qkv: dense("attn.Wqkv", 3 * width, width, attention_bias),
            attention_output: dense("attn.out_proj", width, width, attention_bias),
            up: ["mlp.fc12", "mlp.fc11"].map(|name| dense(name, inner, width, up_bias)),
            down: dense("mlp.fc2", width, inner, down_bias),
            norms: [self.norm("norm1"), self.norm("norm2")],
        }
    }
}

fn scope(layer: usize) -> String {
    format!("encoder.layers.{layer}.")
}

/// A loaded NomicBERT encoder.
struct NomicBertPass {
    words: Tensor,
    types: Option<Tensor>,
    type_count: usize,
    embedding_norm: NormWeights,
    rotary: Rotary,
    attention: Attention,
    activation: Activation,
    prenorm: bool,
    layers: Vec<NomicBertLayer>,
}

/// One layer with its weights.
struct NomicBertLayer {
    /// Queries, keys and values in one product: 3H×H.
    qkv: LinearWeights,
    attention_output: LinearWeights,
    attention_norm: NormWeights,
    /// What is activated and what that lets through in one product: 2I×H.
    up: LinearWeights,
    down: LinearWeights,
    output_norm: NormWeights,
}

impl NomicBertPass {
    fn attend(&self, layer: &NomicBertLayer, x: &Tensor, sequences: &Sequences) -> Result<Tensor> {
        let qkv = rotate(linear(x, &layer.qkv)?, sequences, &self.rotary)?;
        linear(&self_attention(&qkv, sequences, &self.attention)?, &layer.attention_output)
    }

    fn feed_forward(&self, layer: &NomicBertLayer, x: &Tensor) -> Result<Tensor> {
        linear(&activate_gated(&linear(x, &layer.up)?, self.activation)?, &layer.down)
    }
}

impl ForwardPass for NomicBertPass {
    fn types(&self) -> Option<usize> {
        self.types.as_ref().map(|_| self.type_count)
    }

    fn embed(&self, batch: &TokenBatch) -> Result<Tensor> {
        let mut lookups = vec![Lookup { table: &self.words, rows: batch.ids() }];
        lookups.extend(self.types.as_ref().map(|table| Lookup { table, rows: batch.type_ids() }));
        layer_norm(&embed(&lookups)?, &self.embedding_norm)
    }

    fn layer(&self, layer: usize, below: &Tensor, sequences: &Sequences) -> Result<Tensor> {
        let is_last = layer == self.layers.len();
        let layer = &self.layers[layer - 1];
        if !self.prenorm {
            let attended = self.attend(layer, below, sequences)?;
            let x = residual_layer_norm(&attended, below, &layer.attention_norm)?;
            return residual_layer_norm(&self.feed_forward(layer, &x)?, &x, &layer.output_norm);
        }
        let attended = self.attend(layer, &layer_norm(below, &layer.attention_norm)?, sequences)?;
        let x = residual_add(attended, below)?;
        let inner = self.feed_forward(layer, &layer_norm(&x, &layer.output_norm)?)?;
        // The published code leaves the last residual sum to a norm that it does not have.
        if is_last { Ok(inner) } else { residual_add(inner, &x) }
    }
}
