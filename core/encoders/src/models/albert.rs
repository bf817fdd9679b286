//! ALBERT (Lan et al. 2020, arXiv 1909.11942): embeddings narrower than the layers, and layers that share their weights.

use std::path::Path;

use candle_core::{Result, Tensor};
use serde::Deserialize;

use super::checks::Checks;
use super::config::BertLikeConfig;
use super::embeddings::{EmbeddingForm, Embeddings, WORDS};
use super::forward_pass::{ForwardPass, LayeredEncoder};
use super::parameters::Dense;
use super::post_norm::{LayerForm, LayerNames, PostNormLayer};
use super::{Dimensions, Family};
use crate::batch::TokenBatch;
use crate::device::Placement;
use crate::encoder::Encoder;
use crate::error::EncoderError;
use crate::facts::CheckpointFacts;
use crate::files;
use crate::kernels::{Attention, LinearWeights, Sequences, linear};
use crate::weights::{TensorSpec, Weights};

const PROJECTION: &str = "encoder.embedding_hidden_mapping_in";
const NAMES: LayerNames = LayerNames {
    query: "attention.query",
    key: "attention.key",
    value: "attention.value",
    attention_output: "attention.dense",
    attention_norm: "attention.LayerNorm",
    up: "ffn",
    down: "ffn_output",
    output_norm: "full_layer_layer_norm",
};
/// Most layers after one another. Their number costs no weights here, so a damaged file would not be found out by them.
const MAX_LAYERS: usize = 4096;

/// What ALBERT's `config.json` says beside BERT's fields.
#[derive(Deserialize)]
struct RawConfig {
    embedding_size: usize,
    #[serde(default = "one")]
    num_hidden_groups: usize,
    #[serde(default = "one")]
    inner_group_num: usize,
}

fn one() -> usize {
    1
}

/// Which weights each layer uses.
#[derive(Clone, Copy)]
struct Sharing {
    /// Times that a group is applied.
    applications: usize,
    /// Groups of weights, used in their order for equal parts of the applications.
    groups: usize,
    /// Layers of a group.
    inner: usize,
}

impl Sharing {
    /// Counts the layers that are applied; every one of them gives a hidden state.
    fn layers(self) -> usize {
        self.applications * self.inner
    }

    /// Returns the group and its layer that layer `layer`, counted from 1, uses.
    fn weights_of(self, layer: usize) -> (usize, usize) {
        let (application, inner) = ((layer - 1) / self.inner, (layer - 1) % self.inner);
        // The quotient of floats is what the weights were trained with; whole numbers would round otherwise.
        let group = application as f64 / (self.applications as f64 / self.groups as f64);
        (group as usize, inner)
    }

    fn scopes(self) -> impl Iterator<Item = String> {
        (0..self.groups).flat_map(move |group| {
            (0..self.inner)
                .map(move |inner| format!("encoder.albert_layer_groups.{group}.albert_layers.{inner}."))
        })
    }
}

struct AlbertConfig {
    embeddings: EmbeddingForm,
    form: LayerForm,
    sharing: Sharing,
}

/// Reads `config.json`.
pub(super) fn parse(path: &Path, bytes: &[u8]) -> std::result::Result<Box<dyn Family>, EncoderError> {
    let BertLikeConfig { layers, form, mut embeddings } = BertLikeConfig::parse(path, bytes)?;
    let raw: RawConfig = files::parse(path, bytes)?;
    let checks = Checks::of(path);
    checks.sizes(&[
        ("embedding_size", raw.embedding_size),
        ("num_hidden_groups", raw.num_hidden_groups),
        ("inner_group_num", raw.inner_group_num),
    ])?;
    if layers.checked_mul(raw.inner_group_num).is_none_or(|layers| layers > MAX_LAYERS) {
        let reason = format!("is {layers}, which makes more than {MAX_LAYERS} layers");
        return checks.refuse("num_hidden_layers", reason);
    }
    embeddings.width = raw.embedding_size;
    let sharing = Sharing { applications: layers, groups: raw.num_hidden_groups, inner: raw.inner_group_num };
    Ok(Box::new(AlbertConfig { embeddings, form, sharing }))
}

impl AlbertConfig {
    /// What widens the embeddings to the layers.
    fn projection(&self) -> Dense {
        Dense { name: PROJECTION, outputs: self.form.width, inputs: self.embeddings.width, bias: true }
    }
}

impl Family for AlbertConfig {
    fn prefixes(&self) -> &'static [&'static str] {
        &["", "albert."]
    }

    fn anchor(&self) -> &'static str {
        WORDS
    }

    fn dimensions(&self) -> Dimensions {
        Dimensions {
            layers: self.sharing.layers(),
            width: self.form.width,
            max_positions: self.embeddings.max_positions(),
            vocab: self.embeddings.vocab,
        }
    }

    fn tensors(&self, _: &Weights) -> Box<dyn Iterator<Item = TensorSpec> + '_> {
        let projection = self.projection().tensors("");
        let layers =
            self.sharing.scopes().flat_map(|scope| PostNormLayer::tensors(&scope, &NAMES, self.form));
        Box::new(self.embeddings.tensors().chain(projection).chain(layers))
    }

    fn load(
        &self,
        weights: &Weights,
        facts: CheckpointFacts,
        placement: &Placement,
    ) -> std::result::Result<Box<dyn Encoder>, EncoderError> {
        let mut layers = Vec::new();
        for scope in self.sharing.scopes() {
            layers.push(PostNormLayer::load(weights, &scope, &NAMES, self.form, placement)?);
        }
        let pass = AlbertPass {
            types: self.embeddings.types,
            embeddings: Embeddings::load(weights, &self.embeddings, placement)?,
            projection: self.projection().load(weights, "", placement)?,
            layers,
            sharing: self.sharing,
            attention: Attention::plain(self.form.heads, self.form.width),
        };
        Ok(Box::new(LayeredEncoder::new(facts, pass)))
    }
}

/// The loaded weights.
struct AlbertPass {
    types: Option<usize>,
    embeddings: Embeddings,
    projection: LinearWeights,
    /// Group after group.
    layers: Vec<PostNormLayer>,
    sharing: Sharing,
    attention: Attention,
}

impl ForwardPass for AlbertPass {
    fn types(&self) -> Option<usize> {
        self.types
    }

    fn embed(&self, batch: &TokenBatch) -> Result<Tensor> {
        linear(&self.embeddings.forward(batch)?, &self.projection)
    }

    fn layer(&self, layer: usize, below: &Tensor, sequences: &Sequences) -> Result<Tensor> {
        let (group, inner) = self.sharing.weights_of(layer);
        self.layers[group * self.sharing.inner + inner].forward(below, sequences, &self.attention)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_take_equal_parts_of_the_layers_in_their_order() {
        let sharing = Sharing { applications: 5, groups: 2, inner: 1 };
        let groups: Vec<usize> = (1..=sharing.layers()).map(|layer| sharing.weights_of(layer).0).collect();
        assert_eq!(groups, [0, 0, 0, 1, 1]);
    }

    #[test]
    fn every_layer_of_a_group_counts() {
        let sharing = Sharing { applications: 2, groups: 2, inner: 2 };
        let uses: Vec<_> = (1..=sharing.layers()).map(|layer| sharing.weights_of(layer)).collect();
        assert_eq!(uses, [(0, 0), (0, 1), (1, 0), (1, 1)]);
    }
}
