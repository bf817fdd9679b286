//! ELECTRA (Clark et al. 2020, arXiv 2003.10555): BERT whose embeddings may be narrower than its layers.

use std::path::Path;

use serde::Deserialize;

use super::Family;
use super::checks::Checks;
use super::config::BertLikeConfig;
use super::post_norm::BERT_NAMES;
use super::post_norm_family::PostNormFamily;
use crate::error::EncoderError;
use crate::files;

/// What ELECTRA's `config.json` says beside BERT's fields.
#[derive(Deserialize)]
struct RawConfig {
    embedding_size: usize,
}

/// Reads `config.json`.
pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Box<dyn Family>, EncoderError> {
    let BertLikeConfig { layers, form, mut embeddings } = BertLikeConfig::parse(path, bytes)?;
    let RawConfig { embedding_size } = files::parse(path, bytes)?;
    Checks::of(path).sizes(&[("embedding_size", embedding_size)])?;
    embeddings.width = embedding_size;
    Ok(Box::new(PostNormFamily {
        prefixes: &["", "electra."],
        embeddings,
        projection: (embedding_size != form.width).then_some("embeddings_project"),
        stack: "encoder.layer.",
        names: &BERT_NAMES,
        layers,
        form,
        distance: None,
    }))
}
