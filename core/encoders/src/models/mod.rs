//! The model families: one file each, chosen by the `model_type` of `config.json`.

mod albert;
mod bert;
mod checks;
mod config;
mod conv_layer;
mod deberta;
mod deberta_config;
mod deberta_embeddings;
mod deberta_v2;
mod disentangled_layer;
mod distance;
mod distilbert;
mod electra;
mod embeddings;
mod forward_pass;
mod handover;
mod initial;
mod modernbert;
mod modernbert_config;
mod mpnet;
mod nomic_bert;
mod nomic_bert_config;
mod parameters;
mod post_norm;
mod post_norm_family;
mod relative_buckets;
mod roberta;
mod rope;
mod t5;
mod t5_block;

use std::path::Path;

use serde::Deserialize;

use crate::device::Placement;
use crate::encoder::Encoder;
use crate::error::EncoderError;
use crate::facts::CheckpointFacts;
use crate::files;
use crate::weights::{TensorSpec, Weights};
pub(crate) use initial::Initialisation;

/// Reads a family's `config.json`.
type Parse = fn(&Path, &[u8]) -> Result<Box<dyn Family>, EncoderError>;

/// Every `model_type` that can be loaded, with what reads its configuration.
const FAMILIES: &[(&str, Parse)] = &[
    ("albert", albert::parse),
    ("bert", bert::parse),
    ("camembert", roberta::parse),
    ("deberta", deberta::parse),
    ("deberta-v2", deberta_v2::parse),
    ("distilbert", distilbert::parse),
    ("electra", electra::parse),
    ("modernbert", modernbert::parse),
    ("mpnet", mpnet::parse),
    ("nomic_bert", nomic_bert::parse),
    ("roberta", roberta::parse),
    ("t5", t5::parse),
    ("xlm-roberta", roberta::parse),
];

/// A model family with its configuration, already checked.
pub(crate) trait Family: Send + Sync {
    /// Returns the prefixes under which the encoder's tensors may lie, the likeliest first.
    fn prefixes(&self) -> &'static [&'static str];

    /// Returns the name of a tensor that tells the prefix.
    fn anchor(&self) -> &'static str;

    /// Returns the sizes of the model.
    fn dimensions(&self) -> Dimensions;

    /// Lists the tensors that the encoder needs of these weights, lowest layer first; lazily, for a layer count in a damaged
    /// file may be absurd.
    fn tensors(&self, weights: &Weights) -> Box<dyn Iterator<Item = TensorSpec> + '_>;

    /// Reads the weights and builds the encoder.
    fn load(
        &self,
        weights: &Weights,
        facts: CheckpointFacts,
        placement: &Placement,
    ) -> Result<Box<dyn Encoder>, EncoderError>;
}

/// The sizes that every family has.
pub(crate) struct Dimensions {
    pub(crate) layers: usize,
    pub(crate) width: usize,
    pub(crate) max_positions: usize,
    pub(crate) vocab: usize,
}

#[derive(Deserialize)]
struct Tag {
    model_type: String,
}

/// Lists every `model_type` that can be loaded.
pub fn model_types() -> impl Iterator<Item = &'static str> {
    FAMILIES.iter().map(|(name, _)| *name)
}

/// Reads `config.json`: the `model_type`, and the configuration of that family.
pub(crate) fn from_config(
    path: &Path,
    bytes: &[u8],
) -> Result<(&'static str, Box<dyn Family>), EncoderError> {
    let tag: Tag = files::parse(path, bytes)?;
    match FAMILIES.iter().find(|(name, _)| *name == tag.model_type) {
        Some((name, parse)) => Ok((*name, parse(path, bytes)?)),
        None => Err(EncoderError::UnsupportedModel {
            path: path.to_owned(),
            found: tag.model_type,
            supported: model_types().collect::<Vec<_>>().join(", "),
        }),
    }
}
