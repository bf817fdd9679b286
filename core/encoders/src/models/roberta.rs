//! RoBERTa (Liu et al. 2019, arXiv 1907.11692), and the same architecture trained on other text: XLM-RoBERTa (Conneau et al.
//! 2020, arXiv 1911.02116) and CamemBERT (Martin et al. 2020, arXiv 1911.03894).

use std::path::Path;

use serde::Deserialize;

use super::Family;
use super::checks::Checks;
use super::config::BertLikeConfig;
use super::embeddings::FirstPosition;
use super::post_norm::BERT_NAMES;
use super::post_norm_family::PostNormFamily;
use crate::error::EncoderError;
use crate::files;

/// What RoBERTa's `config.json` says beside BERT's fields.
#[derive(Deserialize)]
struct RawConfig {
    /// Positions are counted from here.
    #[serde(default = "usual_padding")]
    pad_token_id: u32,
}

fn usual_padding() -> u32 {
    1
}

/// Reads `config.json`.
pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Box<dyn Family>, EncoderError> {
    let BertLikeConfig { layers, form, mut embeddings } = BertLikeConfig::parse(path, bytes)?;
    let RawConfig { pad_token_id } = files::parse(path, bytes)?;
    embeddings.first = FirstPosition::AfterPadding(pad_token_id);
    if embeddings.max_positions() == 0 {
        let reason =
            format!("is {pad_token_id}, which leaves none of the {} positions", embeddings.positions);
        return Checks::of(path).refuse("pad_token_id", reason);
    }
    Ok(Box::new(PostNormFamily {
        prefixes: &["", "roberta."],
        embeddings,
        projection: None,
        stack: "encoder.layer.",
        names: &BERT_NAMES,
        layers,
        form,
        distance: None,
    }))
}
