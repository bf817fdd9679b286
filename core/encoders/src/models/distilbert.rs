//! DistilBERT (Sanh et al. 2019, arXiv 1910.01108).

use std::path::Path;

use serde::Deserialize;

use super::Family;
use super::checks::Checks;
use super::embeddings::{EmbeddingForm, FirstPosition};
use super::post_norm::{LayerForm, LayerNames};
use super::post_norm_family::PostNormFamily;
use crate::error::EncoderError;
use crate::files;

const NAMES: LayerNames = LayerNames {
    query: "attention.q_lin",
    key: "attention.k_lin",
    value: "attention.v_lin",
    attention_output: "attention.out_lin",
    attention_norm: "sa_layer_norm",
    up: "ffn.lin1",
    down: "ffn.lin2",
    output_norm: "output_layer_norm",
};

/// Not in the configuration: the architecture fixes it.
const EPSILON: f64 = 1e-12;

/// The part of `config.json` that decides the forward pass. `sinusoidal_pos_embds` does not: a checkpoint holds the table of
/// positions either way, and the flag only says what it began as.
#[derive(Deserialize)]
struct RawConfig {
    vocab_size: usize,
    max_position_embeddings: usize,
    n_layers: usize,
    n_heads: usize,
    dim: usize,
    hidden_dim: usize,
    activation: String,
}

/// Reads `config.json`.
pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Box<dyn Family>, EncoderError> {
    let raw: RawConfig = files::parse(path, bytes)?;
    let checks = Checks::of(path);
    checks.sizes(&[
        ("vocab_size", raw.vocab_size),
        ("max_position_embeddings", raw.max_position_embeddings),
        ("n_heads", raw.n_heads),
        ("dim", raw.dim),
        ("hidden_dim", raw.hidden_dim),
    ])?;
    checks.head_width(("n_heads", raw.n_heads), ("dim", raw.dim))?;
    let embeddings = EmbeddingForm {
        vocab: raw.vocab_size,
        positions: raw.max_position_embeddings,
        first: FirstPosition::Zero,
        types: None,
        width: raw.dim,
        epsilon: EPSILON,
    };
    let form = LayerForm {
        width: raw.dim,
        inner: raw.hidden_dim,
        heads: raw.n_heads,
        activation: checks.activation("activation", &raw.activation)?,
        epsilon: EPSILON,
    };
    Ok(Box::new(PostNormFamily {
        prefixes: &["", "distilbert."],
        embeddings,
        projection: None,
        stack: "transformer.layer.",
        names: &NAMES,
        layers: raw.n_layers,
        form,
        distance: None,
    }))
}
