//! Checking `config.json`: what more than one family says in it, and what is refused.

use std::path::Path;

use serde::Deserialize;

use super::embeddings::{EmbeddingForm, FirstPosition};
use super::post_norm::LayerForm;
use crate::error::EncoderError;
use crate::files;
use crate::kernels::Activation;

/// Refuses values of a `config.json` that cannot be used, by the name of their field.
#[derive(Clone, Copy)]
pub(super) struct Checks<'a> {
    path: &'a Path,
}

impl<'a> Checks<'a> {
    /// Takes the file that the values come from.
    pub(super) fn of(path: &'a Path) -> Self {
        Self { path }
    }

    /// Builds the error for a field.
    pub(super) fn refuse(self, field: &'static str, reason: impl Into<String>) -> EncoderError {
        EncoderError::ConfigField { path: self.path.to_owned(), field, reason: reason.into() }
    }

    /// Wants every size to be at least 1.
    pub(super) fn sizes(self, sizes: &[(&'static str, usize)]) -> Result<(), EncoderError> {
        match sizes.iter().find(|(_, size)| *size == 0) {
            Some((field, _)) => Err(self.refuse(field, "must be at least 1")),
            None => Ok(()),
        }
    }

    /// Wants the heads to share the width evenly; both are (field, value), the heads at least 1.
    pub(super) fn heads(
        self,
        heads: (&'static str, usize),
        width: (&'static str, usize),
    ) -> Result<(), EncoderError> {
        if width.1.is_multiple_of(heads.1) {
            return Ok(());
        }
        Err(self
            .refuse(heads.0, format!("is {}, which does not divide the {} {}", heads.1, width.0, width.1)))
    }

    /// Wants what a norm adds to the variance to be positive.
    pub(super) fn epsilon(self, field: &'static str, value: f64) -> Result<(), EncoderError> {
        if value.is_finite() && value > 0.0 {
            return Ok(());
        }
        Err(self.refuse(field, format!("is {value}, but must be positive")))
    }

    /// Wants positions to have embeddings of their own, where a family once had other schemes.
    pub(super) fn absolute_positions(self, kind: Option<&str>) -> Result<(), EncoderError> {
        match kind {
            None | Some("absolute") => Ok(()),
            Some(kind) => {
                Err(self
                    .refuse("position_embedding_type", format!("is `{kind}`; only `absolute` is supported")))
            }
        }
    }

    /// Wants an encoder.
    pub(super) fn encoder(self, is_decoder: bool) -> Result<(), EncoderError> {
        if is_decoder {
            let reason = "is true; only encoders, which see both directions, are supported";
            return Err(self.refuse("is_decoder", reason));
        }
        Ok(())
    }

    /// Reads the name of an activation.
    pub(super) fn activation(self, field: &'static str, name: &str) -> Result<Activation, EncoderError> {
        Activation::from_name(name).ok_or_else(|| EncoderError::UnknownActivation {
            path: self.path.to_owned(),
            field,
            found: name.to_owned(),
            supported: Activation::NAMES,
        })
    }
}

/// The part of `config.json` that BERT and the families after its pattern have in common.
#[derive(Deserialize)]
struct RawConfig {
    vocab_size: usize,
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    max_position_embeddings: usize,
    type_vocab_size: usize,
    hidden_act: String,
    layer_norm_eps: f64,
    position_embedding_type: Option<String>,
    #[serde(default)]
    is_decoder: bool,
}

/// A configuration after BERT's pattern that was found usable.
pub(super) struct BertLikeConfig {
    pub(super) layers: usize,
    pub(super) form: LayerForm,
    pub(super) embeddings: EmbeddingForm,
}

impl BertLikeConfig {
    /// Parses and checks `config.json`; embeddings are as wide as the layers, positions begin at 0.
    pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Self, EncoderError> {
        let raw: RawConfig = files::parse(path, bytes)?;
        let checks = Checks::of(path);
        checks.sizes(&[
            ("vocab_size", raw.vocab_size),
            ("hidden_size", raw.hidden_size),
            ("num_attention_heads", raw.num_attention_heads),
            ("intermediate_size", raw.intermediate_size),
            ("max_position_embeddings", raw.max_position_embeddings),
            ("type_vocab_size", raw.type_vocab_size),
        ])?;
        checks.heads(("num_attention_heads", raw.num_attention_heads), ("hidden_size", raw.hidden_size))?;
        checks.epsilon("layer_norm_eps", raw.layer_norm_eps)?;
        checks.absolute_positions(raw.position_embedding_type.as_deref())?;
        checks.encoder(raw.is_decoder)?;
        let form = LayerForm {
            width: raw.hidden_size,
            inner: raw.intermediate_size,
            heads: raw.num_attention_heads,
            activation: checks.activation("hidden_act", &raw.hidden_act)?,
            epsilon: raw.layer_norm_eps,
        };
        let embeddings = EmbeddingForm {
            vocab: raw.vocab_size,
            positions: raw.max_position_embeddings,
            first: FirstPosition::Zero,
            types: Some(raw.type_vocab_size),
            width: raw.hidden_size,
            epsilon: raw.layer_norm_eps,
        };
        Ok(Self { layers: raw.num_hidden_layers, form, embeddings })
    }
}
