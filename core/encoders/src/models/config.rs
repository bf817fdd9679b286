//! The `config.json` of BERT and the families after its pattern.

use std::path::Path;

use serde::Deserialize;

use super::checks::Checks;
use super::embeddings::{EmbeddingForm, FirstPosition};
use super::post_norm::LayerForm;
use crate::error::EncoderError;
use crate::files;

/// The part of `config.json` that BERT and the families after its pattern have in common.
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

/// A configuration after BERT's pattern that was found usable.
pub(super) struct BertLikeConfig {
    pub(super) layers: usize,
    pub(super) form: LayerForm,
    pub(super) embeddings: EmbeddingForm,
}

impl BertLikeConfig {
    /// Parses and checks `config.json`; embeddings are as wide as the layers, positions begin at 0.
    pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Self, EncoderError> {
        let raw: RawConfig = files::parse(path, bytes)?;
        let checks = Checks::of(path);
        checks.sizes(&[
            ("vocab_size", raw.vocab_size),
            ("hidden_size", raw.hidden_size),
            ("num_attention_heads", raw.num_attention_heads),
            ("intermediate_size", raw.intermediate_size),
            ("max_position_embeddings", raw.max_position_embeddings),
            ("type_vocab_size", raw.type_vocab_size),
        ])?;
        checks
            .head_width(("num_attention_heads", raw.num_attention_heads), ("hidden_size", raw.hidden_size))?;
        checks.positive("layer_norm_eps", raw.layer_norm_eps)?;
        checks.absolute_positions(raw.position_embedding_type.as_deref())?;
        checks.encoder(raw.is_decoder)?;
        let form = LayerForm {
            width: raw.hidden_size,
            inner: raw.intermediate_size,
            heads: raw.num_attention_heads,
            activation: checks.activation("hidden_act", &raw.hidden_act)?,
            epsilon: raw.layer_norm_eps,
        };
        let embeddings = EmbeddingForm {
            vocab: raw.vocab_size,
            positions: raw.max_position_embeddings,
            first: FirstPosition::Zero,
            types: Some(raw.type_vocab_size),
            width: raw.hidden_size,
            epsilon: raw.layer_norm_eps,
        };
        Ok(Self { layers: raw.num_hidden_layers, form, embeddings })
    }
}
