//! BERT (Devlin et al. 2019, arXiv 1810.04805).

use std::path::Path;

use candle_core::{Device, Result, Tensor};
use serde::Deserialize;

use super::handover::{push, push_empty};
use super::post_norm::{LayerForm, PostNormLayer, load_norm, norm_tensors};
use super::{Dimensions, Family};
use crate::batch::TokenBatch;
use crate::encoder::{Encoder, HiddenStateSink};
use crate::error::EncoderError;
use crate::facts::CheckpointFacts;
use crate::files;
use crate::kernels::{Activation, NormWeights, Sequences, embed, layer_norm};
use crate::weights::{TensorSpec, Weights};

/// A bare encoder has no prefix; one saved with a head on top lies under `bert.`.
const PREFIXES: &[&str] = &["", "bert."];
const WORDS: &str = "embeddings.word_embeddings.weight";
const POSITIONS: &str = "embeddings.position_embeddings.weight";
const TYPES: &str = "embeddings.token_type_embeddings.weight";
const EMBEDDING_NORM: &str = "embeddings.LayerNorm";

/// The part of `config.json` that decides the forward pass.
#[derive(Deserialize)]
struct RawConfig {
    vocab_size: usize,
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    max_position_embeddings: usize,
    type_vocab_size: usize,
    hidden_act: String,
    layer_norm_eps: f64,
    position_embedding_type: Option<String>,
    #[serde(default)]
    is_decoder: bool,
}

/// A BERT configuration that was found usable.
struct BertConfig {
    layers: usize,
    vocab: usize,
    positions: usize,
    types: usize,
    form: LayerForm,
}

/// Reads `config.json`.
pub(super) fn parse(path: &Path, bytes: &[u8]) -> std::result::Result<Box<dyn Family>, EncoderError> {
    Ok(Box::new(BertConfig::parse(path, bytes)?))
}

impl BertConfig {
    /// Parses and checks `config.json`.
    fn parse(path: &Path, bytes: &[u8]) -> std::result::Result<Self, EncoderError> {
        let raw: RawConfig = files::parse(path, bytes)?;
        let refuse =
            |field, reason: String| Err(EncoderError::ConfigField { path: path.to_owned(), field, reason });
        let sizes = [
            ("vocab_size", raw.vocab_size),
            ("hidden_size", raw.hidden_size),
            ("num_attention_heads", raw.num_attention_heads),
            ("intermediate_size", raw.intermediate_size),
            ("max_position_embeddings", raw.max_position_embeddings),
            ("type_vocab_size", raw.type_vocab_size),
        ];
        if let Some((field, _)) = sizes.into_iter().find(|(_, size)| *size == 0) {
            return refuse(field, "must be at least 1".to_owned());
        }
        if !raw.hidden_size.is_multiple_of(raw.num_attention_heads) {
            let reason = format!(
                "is {}, which does not divide the hidden_size {}",
                raw.num_attention_heads, raw.hidden_size
            );
            return refuse("num_attention_heads", reason);
        }
        if !(raw.layer_norm_eps.is_finite() && raw.layer_norm_eps > 0.0) {
            return refuse("layer_norm_eps", format!("is {}, but must be positive", raw.layer_norm_eps));
        }
        if let Some(kind) = raw.position_embedding_type.filter(|kind| kind != "absolute") {
            return refuse("position_embedding_type", format!("is `{kind}`; only `absolute` is supported"));
        }
        if raw.is_decoder {
            return refuse(
                "is_decoder",
                "is true; only encoders, which see both directions, are supported".to_owned(),
            );
        }
        let Some(activation) = Activation::from_name(&raw.hidden_act) else {
            let (path, supported) = (path.to_owned(), Activation::NAMES);
            return Err(EncoderError::UnknownActivation { path, found: raw.hidden_act, supported });
        };
        let form = LayerForm {
            width: raw.hidden_size,
            inner: raw.intermediate_size,
            heads: raw.num_attention_heads,
            activation,
            epsilon: raw.layer_norm_eps,
        };
        let (vocab, positions, types) = (raw.vocab_size, raw.max_position_embeddings, raw.type_vocab_size);
        Ok(Self { layers: raw.num_hidden_layers, vocab, positions, types, form })
    }
}

impl Family for BertConfig {
    fn prefixes(&self) -> &'static [&'static str] {
        PREFIXES
    }

    fn anchor(&self) -> &'static str {
        WORDS
    }

    fn dimensions(&self) -> Dimensions {
        let (layers, width) = (self.layers, self.form.width);
        Dimensions { layers, width, max_positions: self.positions, vocab: self.vocab }
    }

    fn tensors(&self) -> Box<dyn Iterator<Item = TensorSpec> + '_> {
        let tables = [(WORDS, self.vocab), (POSITIONS, self.positions), (TYPES, self.types)];
        let tables = tables
            .map(|(name, rows)| TensorSpec { name: name.to_owned(), shape: vec![rows, self.form.width] });
        let layers = (0..self.layers).flat_map(|layer| PostNormLayer::tensors(&scope(layer), self.form));
        Box::new(tables.into_iter().chain(norm_tensors(EMBEDDING_NORM, self.form.width)).chain(layers))
    }

    fn load(
        &self,
        weights: &Weights,
        facts: CheckpointFacts,
        device: &Device,
    ) -> std::result::Result<Box<dyn Encoder>, EncoderError> {
        Ok(Box::new(BertEncoder::load(self, weights, facts, device)?))
    }
}

fn scope(layer: usize) -> String {
    format!("encoder.layer.{layer}.")
}

/// A loaded BERT encoder.
struct BertEncoder {
    facts: CheckpointFacts,
    types: usize,
    word_table: Tensor,
    position_table: Tensor,
    type_table: Tensor,
    norm: NormWeights,
    layers: Vec<PostNormLayer>,
}

impl BertEncoder {
    /// Reads all weights.
    fn load(
        config: &BertConfig,
        weights: &Weights,
        facts: CheckpointFacts,
        device: &Device,
    ) -> std::result::Result<Self, EncoderError> {
        let mut layers = Vec::new();
        for layer in 0..config.layers {
            layers.push(PostNormLayer::load(weights, &scope(layer), config.form, device)?);
        }
        Ok(Self {
            facts,
            types: config.types,
            word_table: weights.tensor(WORDS, device)?,
            position_table: weights.tensor(POSITIONS, device)?,
            type_table: weights.tensor(TYPES, device)?,
            norm: load_norm(weights, EMBEDDING_NORM, config.form.epsilon, device)?,
            layers,
        })
    }

    /// Refuses ids without an embedding and sequences without enough positions.
    fn check(&self, batch: &TokenBatch) -> std::result::Result<(), EncoderError> {
        let (vocab, max_positions, types) = (self.facts.vocab, self.facts.max_positions, self.types);
        for sequence in 0..batch.sequences() {
            let range = batch.range(sequence);
            if range.len() > max_positions {
                return Err(EncoderError::SequenceTooLong { sequence, tokens: range.len(), max_positions });
            }
            for (position, row) in range.enumerate() {
                let (id, type_id) = (batch.ids()[row], batch.type_ids()[row]);
                if id as usize >= vocab {
                    return Err(EncoderError::TokenOutOfVocabulary { sequence, position, id, vocab });
                }
                if type_id as usize >= types {
                    return Err(EncoderError::TypeOutOfRange { sequence, position, id: type_id, types });
                }
            }
        }
        Ok(())
    }

    /// Computes layer 0, T×H: the normalised sum of word, position and type embeddings.
    fn embed(&self, batch: &TokenBatch) -> Result<Tensor> {
        let sum = embed(&self.word_table, &self.position_table, &self.type_table, batch)?;
        layer_norm(&sum, &self.norm)
    }
}

impl Encoder for BertEncoder {
    fn facts(&self) -> &CheckpointFacts {
        &self.facts
    }

    fn encode(
        &self,
        batch: &TokenBatch,
        sink: &mut dyn HiddenStateSink,
    ) -> std::result::Result<(), EncoderError> {
        self.check(batch)?;
        let Some(last) = (0..self.facts.hidden_states).rev().find(|&layer| sink.wants(layer)) else {
            return Ok(());
        };
        if batch.tokens() == 0 {
            return push_empty(self.facts.width, last, sink);
        }
        let sequences = Sequences::new(batch.offsets());
        let mut x =
            self.embed(batch).map_err(|source| EncoderError::Compute { step: "embedding tokens", source })?;
        push(0, &x, sink)?;
        for (i, layer) in self.layers.iter().take(last).enumerate() {
            x = layer
                .forward(&x, &sequences)
                .map_err(|source| EncoderError::Compute { step: "applying a transformer layer", source })?;
            push(i + 1, &x, sink)?;
        }
        Ok(())
    }
}
