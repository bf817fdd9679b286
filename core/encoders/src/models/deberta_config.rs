//! The part of `config.json` that DeBERTa and DeBERTa v2 have in common.

use std::path::Path;

use serde::Deserialize;

use super::checks::Checks;
use super::post_norm::LayerForm;
use crate::error::EncoderError;
use crate::files;
use crate::kernels::Activation;

#[derive(Deserialize)]
struct RawConfig {
    vocab_size: usize,
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    max_position_embeddings: usize,
    #[serde(default)]
    type_vocab_size: usize,
    hidden_act: String,
    layer_norm_eps: f64,
    embedding_size: Option<usize>,
    #[serde(default)]
    relative_attention: bool,
    max_relative_positions: Option<i64>,
    #[serde(default = "yes")]
    position_biased_input: bool,
    pos_att_type: Option<PositionTypes>,
    #[serde(default)]
    is_decoder: bool,
}

fn yes() -> bool {
    true
}

/// `pos_att_type` as a list, or in one string as the first checkpoints have it.
#[derive(Deserialize)]
#[serde(untagged)]
enum PositionTypes {
    Joined(String),
    List(Vec<String>),
}

/// A configuration that was found usable.
#[derive(Clone, Copy)]
pub(super) struct DebertaConfig {
    pub(super) layers: usize,
    pub(super) vocab: usize,
    pub(super) width: usize,
    pub(super) heads: usize,
    pub(super) inner: usize,
    /// Longest sequence.
    pub(super) positions: usize,
    /// Number of token types; 0 when the model has none.
    pub(super) types: usize,
    /// Width of the embeddings before they are projected.
    pub(super) embedding: usize,
    /// Whether absolute positions are added to the embeddings.
    pub(super) absolute: bool,
    pub(super) activation: Activation,
    pub(super) epsilon: f64,
    /// Factor on the attention scores.
    pub(super) scale: f32,
    pub(super) relative: Relative,
}

/// What relative positions do to the attention scores.
#[derive(Clone, Copy)]
pub(super) struct Relative {
    /// Whether queries score relative positions.
    pub(super) content_to_position: bool,
    /// Whether relative positions score keys.
    pub(super) position_to_content: bool,
    /// The distance from which on all are one, without buckets.
    pub(super) span: usize,
}

impl Relative {
    /// Whether relative positions are looked at at all.
    pub(super) fn is_used(self) -> bool {
        self.content_to_position || self.position_to_content
    }
}

impl DebertaConfig {
    /// What the layers share with those of BERT.
    pub(super) fn form(&self) -> LayerForm {
        let Self { width, inner, heads, activation, epsilon, .. } = *self;
        LayerForm { width, inner, heads, activation, epsilon }
    }

    /// Parses and checks `config.json`.
    pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Self, EncoderError> {
        let raw: RawConfig = files::parse(path, bytes)?;
        let checks = Checks::of(path);
        let embedding = raw.embedding_size.unwrap_or(raw.hidden_size);
        checks.sizes(&[
            ("vocab_size", raw.vocab_size),
            ("hidden_size", raw.hidden_size),
            ("embedding_size", embedding),
            ("intermediate_size", raw.intermediate_size),
        ])?;
        let positions = checks.positions("max_position_embeddings", raw.max_position_embeddings)?;
        checks.encoder(raw.is_decoder)?;
        let heads = ("num_attention_heads", raw.num_attention_heads);
        let head_width = checks.head_width(heads, ("hidden_size", raw.hidden_size))?;
        let types = position_types(checks, raw.pos_att_type)?;
        // The scores of positions count towards the scale even when relative attention is switched off.
        let scale = 1.0 / ((head_width * (1 + types.len())) as f32).sqrt();
        let has = |name| raw.relative_attention && types.iter().any(|kind| kind == name);
        let span = match raw.max_relative_positions.filter(|&span| span > 0) {
            Some(span) => checks.positions("max_relative_positions", span as usize)?,
            None => positions,
        };
        Ok(Self {
            layers: raw.num_hidden_layers,
            vocab: raw.vocab_size,
            width: raw.hidden_size,
            heads: raw.num_attention_heads,
            inner: raw.intermediate_size,
            positions,
            types: raw.type_vocab_size,
            embedding,
            absolute: raw.position_biased_input,
            activation: checks.activation("hidden_act", &raw.hidden_act)?,
            epsilon: checks.positive("layer_norm_eps", raw.layer_norm_eps)?,
            scale,
            relative: Relative { content_to_position: has("c2p"), position_to_content: has("p2c"), span },
        })
    }
}

/// Splits `pos_att_type` into its parts, each of which must be known and stand once.
fn position_types(checks: Checks<'_>, types: Option<PositionTypes>) -> Result<Vec<String>, EncoderError> {
    let types = match types {
        None => Vec::new(),
        Some(PositionTypes::List(types)) => types,
        Some(PositionTypes::Joined(joined)) => {
            joined.to_lowercase().split('|').map(|kind| kind.trim().to_owned()).collect()
        }
    };
    for (i, kind) in types.iter().enumerate() {
        if !["c2p", "p2c"].contains(&kind.as_str()) {
            return checks.refuse("pos_att_type", format!("names `{kind}`; only c2p and p2c are supported"));
        }
        if types[..i].contains(kind) {
            return checks.refuse("pos_att_type", format!("names {kind} twice"));
        }
    }
    Ok(types)
}
