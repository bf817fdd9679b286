//! The encoder of T5 (Raffel et al. 2020, arXiv 1910.10683).

use std::path::Path;

use candle_core::{Result, Tensor};
use serde::Deserialize;

use super::checks::Checks;
use super::distance::{Buckets, bias_tensor, load_distance_bias};
use super::forward_pass::{ForwardPass, LayeredEncoder};
use super::t5_block::{BlockForm, T5Block, load_norm, norm_tensor};
use super::{Dimensions, Family};
use crate::batch::TokenBatch;
use crate::device::Placement;
use crate::encoder::Encoder;
use crate::error::EncoderError;
use crate::facts::CheckpointFacts;
use crate::files;
use crate::kernels::{Activation, Attention, Lookup, RmsNormWeights, Sequences, embed, rms_norm};
use crate::weights::{TensorSpec, Weights};

const FINAL_NORM: &str = "encoder.final_layer_norm";
const FINAL_NORM_WEIGHT: &str = "encoder.final_layer_norm.weight";
/// The first block's table is the only one; all blocks use it.
const DISTANCES: &str = "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight";
/// The encoder's own table of words, which files seldom hold, for it is the decoder's too.
const OWN_WORDS: &str = "encoder.embed_tokens.weight";
const SHARED_WORDS: &str = "shared.weight";
/// Most tokens that `n_positions` may ask for; the biases of all their distances are held in memory.
const MAX_POSITIONS: usize = 1 << 16;

/// The part of `config.json` that decides the forward pass, with the values that transformers takes for absent ones.
#[derive(Deserialize)]
struct RawConfig {
    vocab_size: usize,
    d_model: usize,
    d_kv: usize,
    d_ff: usize,
    num_layers: usize,
    num_heads: usize,
    #[serde(default = "usual_buckets")]
    relative_attention_num_buckets: usize,
    #[serde(default = "usual_distance")]
    relative_attention_max_distance: usize,
    layer_norm_epsilon: f64,
    #[serde(default = "usual_feed_forward")]
    feed_forward_proj: String,
    dense_act_fn: Option<String>,
    is_gated_act: Option<bool>,
    #[serde(default)]
    is_decoder: bool,
    #[serde(default = "usual_positions")]
    n_positions: usize,
}

fn usual_buckets() -> usize {
    32
}

fn usual_distance() -> usize {
    128
}

fn usual_feed_forward() -> String {
    "relu".to_owned()
}

/// The length that T5 was trained on.
fn usual_positions() -> usize {
    512
}

impl RawConfig {
    fn buckets(&self) -> Buckets {
        Buckets {
            count: self.relative_attention_num_buckets,
            max_distance: self.relative_attention_max_distance,
        }
    }

    fn check(&self, checks: Checks<'_>) -> std::result::Result<(), EncoderError> {
        checks.sizes(&[
            ("vocab_size", self.vocab_size),
            ("d_model", self.d_model),
            ("d_kv", self.d_kv),
            ("d_ff", self.d_ff),
            ("num_layers", self.num_layers),
            ("num_heads", self.num_heads),
            ("n_positions", self.n_positions),
        ])?;
        if self.n_positions > MAX_POSITIONS {
            let reason = format!("is {}, but at most {MAX_POSITIONS} are supported", self.n_positions);
            return checks.refuse("n_positions", reason);
        }
        if self.num_heads.checked_mul(self.d_kv).is_none() {
            return checks.refuse("d_kv", format!("is {}, which no memory can hold", self.d_kv));
        }
        self.buckets()
            .check(checks, ("relative_attention_num_buckets", "relative_attention_max_distance"))?;
        checks.positive("layer_norm_epsilon", self.layer_norm_epsilon)?;
        checks.encoder(self.is_decoder)
    }

    /// Reads whether the feed-forward block is gated, and by which activation.
    fn feed_forward(&self, checks: Checks<'_>) -> std::result::Result<(bool, Activation), EncoderError> {
        const FIELD: &str = "feed_forward_proj";
        let (gated, name) = match self.feed_forward_proj.split_once('-') {
            None => (false, self.feed_forward_proj.as_str()),
            // What T5 1.1 calls gelu is its approximation by tanh.
            Some(("gated", "gelu")) => (true, "gelu_new"),
            Some(("gated", name)) => (true, name),
            Some(_) => {
                let reason = format!("is `{}`, which is neither NAME nor gated-NAME", self.feed_forward_proj);
                return checks.refuse(FIELD, reason);
            }
        };
        let activation = match &self.dense_act_fn {
            Some(name) => checks.activation("dense_act_fn", name)?,
            None => checks.activation(FIELD, name)?,
        };
        Ok((self.is_gated_act.unwrap_or(gated), activation))
    }
}

struct T5Config {
    vocab: usize,
    layers: usize,
    positions: usize,
    buckets: Buckets,
    form: BlockForm,
}

/// Reads `config.json`.
pub(super) fn parse(path: &Path, bytes: &[u8]) -> std::result::Result<Box<dyn Family>, EncoderError> {
    let raw: RawConfig = files::parse(path, bytes)?;
    let checks = Checks::of(path);
    raw.check(checks)?;
    let (gated, activation) = raw.feed_forward(checks)?;
    let form = BlockForm {
        width: raw.d_model,
        attention: raw.num_heads * raw.d_kv,
        heads: raw.num_heads,
        inner: raw.d_ff,
        gated,
        activation,
        epsilon: raw.layer_norm_epsilon,
    };
    Ok(Box::new(T5Config {
        vocab: raw.vocab_size,
        layers: raw.num_layers,
        positions: raw.n_positions,
        buckets: raw.buckets(),
        form,
    }))
}

fn scope(layer: usize) -> String {
    format!("encoder.block.{layer}.")
}

fn words(weights: &Weights) -> &'static str {
    if weights.contains(OWN_WORDS) { OWN_WORDS } else { SHARED_WORDS }
}

impl Family for T5Config {
    fn prefixes(&self) -> &'static [&'static str] {
        &["", "transformer."]
    }

    fn anchor(&self) -> &'static str {
        FINAL_NORM_WEIGHT
    }

    fn dimensions(&self) -> Dimensions {
        let (layers, width) = (self.layers, self.form.width);
        Dimensions { layers, width, max_positions: self.positions, vocab: self.vocab }
    }

    fn tensors(&self, weights: &Weights) -> Box<dyn Iterator<Item = TensorSpec> + '_> {
        let words = TensorSpec { name: words(weights).to_owned(), shape: vec![self.vocab, self.form.width] };
        let distances = bias_tensor(DISTANCES, self.buckets.count, self.form.heads);
        let blocks = (0..self.layers).flat_map(|layer| T5Block::tensors(&scope(layer), self.form));
        let last = norm_tensor(FINAL_NORM, self.form.width);
        Box::new([words, distances].into_iter().chain(blocks).chain([last]))
    }

    fn load(
        &self,
        weights: &Weights,
        facts: CheckpointFacts,
        placement: &Placement,
    ) -> std::result::Result<Box<dyn Encoder>, EncoderError> {
        let mut blocks = Vec::new();
        for layer in 0..self.layers {
            blocks.push(T5Block::load(weights, &scope(layer), self.form, placement)?);
        }
        let bias = load_distance_bias(weights, DISTANCES, self.buckets, self.positions, placement)?;
        let pass = T5Pass {
            words: weights.stored(words(weights), placement)?,
            blocks,
            final_norm: load_norm(weights, FINAL_NORM, self.form.epsilon, placement)?,
            // The weights were initialised for scores that are not scaled.
            attention: Attention {
                heads: self.form.heads,
                scale: 1.0,
                distance_bias: Some(bias),
                window: None,
            },
        };
        Ok(Box::new(LayeredEncoder::new(facts, pass)))
    }
}

/// The loaded weights.
struct T5Pass {
    words: Tensor,
    blocks: Vec<T5Block>,
    final_norm: RmsNormWeights,
    attention: Attention,
}

impl ForwardPass for T5Pass {
    fn types(&self) -> Option<usize> {
        None
    }

    fn embed(&self, batch: &TokenBatch) -> Result<Tensor> {
        embed(&[Lookup { table: &self.words, rows: batch.ids() }])
    }

    /// The last hidden state is the normalised one, as in transformers: what the last block gives is not seen by itself.
    fn layer(&self, layer: usize, below: &Tensor, sequences: &Sequences) -> Result<Tensor> {
        let x = self.blocks[layer - 1].forward(below, sequences, &self.attention)?;
        if layer == self.blocks.len() { rms_norm(&x, &self.final_norm) } else { Ok(x) }
    }
}
