//! BERT (Devlin et al. 2019, arXiv 1810.04805).

use std::path::Path;

use super::Family;
use super::config::BertLikeConfig;
use super::post_norm::BERT_NAMES;
use super::post_norm_family::PostNormFamily;
use crate::error::EncoderError;

/// Reads `config.json`.
pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Box<dyn Family>, EncoderError> {
    let BertLikeConfig { layers, form, embeddings } = BertLikeConfig::parse(path, bytes)?;
    Ok(Box::new(PostNormFamily {
        // A bare encoder has no prefix; one saved with a head on top lies under `bert.`.
        prefixes: &["", "bert."],
        embeddings,
        projection: None,
        stack: "encoder.layer.",
        names: &BERT_NAMES,
        layers,
        form,
        distance: None,
    }))
}
