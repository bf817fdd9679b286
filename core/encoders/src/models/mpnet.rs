//! MPNet (Song et al. 2020, arXiv 2004.09297): positions like RoBERTa's, and one table of biases by distance for all layers.

use std::path::Path;

use serde::Deserialize;

use super::Family;
use super::checks::Checks;
use super::distance::Buckets;
use super::embeddings::{EmbeddingForm, FirstPosition};
use super::post_norm::{LayerForm, LayerNames};
use super::post_norm_family::{DistanceTable, PostNormFamily};
use crate::error::EncoderError;
use crate::files;

const NAMES: LayerNames = LayerNames {
    query: "attention.attn.q",
    key: "attention.attn.k",
    value: "attention.attn.v",
    attention_output: "attention.attn.o",
    attention_norm: "attention.LayerNorm",
    up: "intermediate.dense",
    down: "output.dense",
    output_norm: "output.LayerNorm",
};

/// Not in the configuration, or not heeded there: the architecture fixes the padding token and the buckets.
const PADDING: u32 = 1;
const BUCKETS: Buckets = Buckets { count: 32, max_distance: 128 };

/// The part of `config.json` that decides the forward pass.
#[derive(Deserialize)]
struct RawConfig {
    vocab_size: usize,
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    max_position_embeddings: usize,
    relative_attention_num_buckets: usize,
    hidden_act: String,
    layer_norm_eps: f64,
}

impl RawConfig {
    fn check(&self, checks: Checks<'_>) -> Result<(), EncoderError> {
        checks.sizes(&[
            ("vocab_size", self.vocab_size),
            ("hidden_size", self.hidden_size),
            ("num_attention_heads", self.num_attention_heads),
            ("intermediate_size", self.intermediate_size),
        ])?;
        checks.head_width(
            ("num_attention_heads", self.num_attention_heads),
            ("hidden_size", self.hidden_size),
        )?;
        checks.positive("layer_norm_eps", self.layer_norm_eps)?;
        let (positions, rows) = (self.max_position_embeddings, self.relative_attention_num_buckets);
        if positions <= PADDING as usize + 1 {
            let reason = format!("is {positions}, but positions begin at {}", PADDING + 1);
            return checks.refuse("max_position_embeddings", reason);
        }
        if rows < BUCKETS.count {
            let reason = format!("is {rows}, but distances have {} buckets", BUCKETS.count);
            return checks.refuse("relative_attention_num_buckets", reason);
        }
        Ok(())
    }
}

/// Reads `config.json`.
pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Box<dyn Family>, EncoderError> {
    let raw: RawConfig = files::parse(path, bytes)?;
    let checks = Checks::of(path);
    raw.check(checks)?;
    let embeddings = EmbeddingForm {
        vocab: raw.vocab_size,
        positions: raw.max_position_embeddings,
        first: FirstPosition::AfterPadding(PADDING),
        types: None,
        width: raw.hidden_size,
        epsilon: raw.layer_norm_eps,
    };
    let form = LayerForm {
        width: raw.hidden_size,
        inner: raw.intermediate_size,
        heads: raw.num_attention_heads,
        activation: checks.activation("hidden_act", &raw.hidden_act)?,
        epsilon: raw.layer_norm_eps,
    };
    Ok(Box::new(PostNormFamily {
        prefixes: &["", "mpnet."],
        embeddings,
        projection: None,
        stack: "encoder.layer.",
        names: &NAMES,
        layers: raw.num_hidden_layers,
        form,
        distance: Some(DistanceTable {
            name: "encoder.relative_attention_bias.weight",
            rows: raw.relative_attention_num_buckets,
            buckets: BUCKETS,
        }),
    }))
}
