//! The model families: one file each, chosen by the `model_type` of `config.json`.

mod bert;
mod handover;
mod post_norm;

use std::path::Path;

use candle_core::Device;
use serde::Deserialize;

use crate::encoder::Encoder;
use crate::error::EncoderError;
use crate::facts::CheckpointFacts;
use crate::files;
use crate::weights::{TensorSpec, Weights};

use bert::{BertConfig, BertEncoder};

/// Every `model_type` that can be loaded.
const SUPPORTED: &[&str] = &["bert"];

/// A model family with its configuration, already checked.
pub(crate) enum Family {
    /// BERT (Devlin et al. 2019).
    Bert(BertConfig),
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

impl Family {
    /// Reads `config.json`.
    pub(crate) fn from_config(path: &Path, bytes: &[u8]) -> Result<Self, EncoderError> {
        let tag: Tag = files::parse(path, bytes)?;
        match tag.model_type.as_str() {
            "bert" => Ok(Self::Bert(BertConfig::parse(path, bytes)?)),
            _ => Err(EncoderError::UnsupportedModel {
                path: path.to_owned(),
                found: tag.model_type,
                supported: SUPPORTED.join(", "),
            }),
        }
    }

    /// Returns the family's `model_type`.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Bert(_) => "bert",
        }
    }

    /// Returns the prefixes under which the encoder's tensors may lie, the likeliest first.
    pub(crate) fn prefixes(&self) -> &'static [&'static str] {
        match self {
            Self::Bert(_) => bert::PREFIXES,
        }
    }

    /// Returns the name of a tensor that tells the prefix.
    pub(crate) fn anchor(&self) -> &'static str {
        match self {
            Self::Bert(_) => bert::WORDS,
        }
    }

    /// Returns the sizes of the model.
    pub(crate) fn dimensions(&self) -> Dimensions {
        match self {
            Self::Bert(config) => config.dimensions(),
        }
    }

    /// Lists the tensors the encoder needs, lowest layer first; lazily, for a layer count in a damaged file may be absurd.
    pub(crate) fn tensors(&self) -> Box<dyn Iterator<Item = TensorSpec> + '_> {
        match self {
            Self::Bert(config) => Box::new(config.tensors()),
        }
    }

    /// Reads the weights and builds the encoder.
    pub(crate) fn load(
        &self,
        weights: &Weights,
        facts: CheckpointFacts,
        device: &Device,
    ) -> Result<Box<dyn Encoder>, EncoderError> {
        match self {
            Self::Bert(config) => Ok(Box::new(BertEncoder::load(config, weights, facts, device)?)),
        }
    }
}
