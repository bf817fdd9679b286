//! How transformers initialises the tensors of a family that is to be trained from scratch, for encoders whose weights are drawn.
//!
//! The rules are those of `_init_weights` in transformers 5: dense layers, convolutions and tables normal with the standard deviation
//! `initializer_range`, biases 0, scales of norms 1, the padding row of a table 0. T5 and ModernBERT have their own.

use std::path::Path;

use serde::{Deserialize, Deserializer};

use super::checks::Checks;
use super::embeddings::WORDS;
use crate::error::EncoderError;
use crate::files;
use crate::weights::{InitialValues, TensorSpec};

const POSITIONS: &str = "embeddings.position_embeddings.weight";
/// What transformers takes where `initializer_range` is absent or 0.
const USUAL_RANGE: f64 = 0.02;

/// The part of `config.json` that decides initial values.
#[derive(Deserialize)]
struct RawConfig {
    initializer_range: Option<f64>,
    initializer_factor: Option<f64>,
    #[serde(default)]
    initializer_cutoff_factor: Field<f64>,
    #[serde(default)]
    pad_token_id: Field<usize>,
    #[serde(default)]
    sinusoidal_pos_embds: bool,
    num_hidden_layers: Option<usize>,
    d_model: Option<usize>,
    d_kv: Option<usize>,
    d_ff: Option<usize>,
    num_heads: Option<usize>,
}

/// A field of which null means something else than that it is absent.
#[derive(Default)]
enum Field<T> {
    #[default]
    Absent,
    Null,
    Value(T),
}

impl<T> Field<T> {
    /// The value, or the usual one of an absent field; none for null.
    fn or(self, usual: T) -> Option<T> {
        match self {
            Self::Absent => Some(usual),
            Self::Null => None,
            Self::Value(value) => Some(value),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(field: D) -> Result<Self, D::Error> {
        Ok(Option::deserialize(field)?.map_or(Self::Null, Self::Value))
    }
}

/// The rules of one configuration.
pub(crate) enum Initialisation {
    /// One standard deviation for all, and the padding row of these tables.
    Usual {
        std: f64,
        padding: Option<usize>,
        padded: &'static [&'static str],
    },
    ModernBert {
        std: f64,
        cutoff: f64,
        layers: f64,
    },
    T5 {
        factor: f64,
        width: f64,
        head: f64,
        inner: f64,
        attention: f64,
    },
}

impl Initialisation {
    /// Reads the rules from a `config.json` that its family has found usable.
    pub(crate) fn parse(path: &Path, bytes: &[u8], model_type: &str) -> Result<Self, EncoderError> {
        let raw: RawConfig = files::parse(path, bytes)?;
        let checks = Checks::of(path);
        if raw.sinusoidal_pos_embds {
            let reason = "is true; weights can be drawn only where positions are learnt";
            return checks.refuse("sinusoidal_pos_embds", reason);
        }
        let std = raw.initializer_range.filter(|&std| std != 0.0).unwrap_or(USUAL_RANGE);
        checks.positive("initializer_range", std)?;
        let size = |size: Option<usize>| size.unwrap_or(1) as f64;
        Ok(match model_type {
            "t5" => Self::T5 {
                factor: checks.positive("initializer_factor", raw.initializer_factor.unwrap_or(1.0))?,
                width: size(raw.d_model),
                head: size(raw.d_kv),
                inner: size(raw.d_ff),
                attention: size(raw.num_heads) * size(raw.d_kv),
            },
            "modernbert" => {
                let cutoff = raw.initializer_cutoff_factor.or(2.0).unwrap_or(3.0);
                let cutoff = checks.positive("initializer_cutoff_factor", cutoff)?;
                Self::ModernBert { std, cutoff, layers: size(raw.num_hidden_layers) }
            }
            "roberta" | "xlm-roberta" | "camembert" => {
                Self::Usual { std, padding: raw.pad_token_id.or(1), padded: &[WORDS, POSITIONS] }
            }
            // Its padding row is not read from the configuration.
            "mpnet" => Self::Usual { std, padding: Some(1), padded: &[WORDS, POSITIONS] },
            _ => Self::Usual { std, padding: raw.pad_token_id.or(0), padded: &[WORDS] },
        })
    }

    /// What a tensor of the encoder is initialised with.
    pub(crate) fn of(&self, spec: &TensorSpec) -> InitialValues {
        let name = spec.name.as_str();
        let normal = |std| InitialValues::Normal { std, cutoff: None, zero_row: None };
        // Biases are the vectors called so; the table `relative_attention_bias` is none.
        if name.ends_with("bias") {
            return InitialValues::Constant(0.0);
        }
        let is_norm = spec.shape.len() == 1;
        match *self {
            Self::T5 { factor, .. } if is_norm => InitialValues::Constant(factor),
            _ if is_norm => InitialValues::Constant(1.0),
            Self::Usual { std, padding, padded } => {
                let zero_row = padding.filter(|_| padded.contains(&name));
                InitialValues::Normal { std, cutoff: None, zero_row }
            }
            Self::ModernBert { std, cutoff, layers } => {
                let std = if name.ends_with("Wo.weight") { std / (2.0 * layers).sqrt() } else { std };
                InitialValues::Normal { std, cutoff: Some(cutoff), zero_row: None }
            }
            Self::T5 { factor, width, head, inner, attention } => normal(
                factor
                    * match name.rsplit('.').nth(1) {
                        Some("shared" | "embed_tokens") => 1.0,
                        Some("q") => 1.0 / (width * head).sqrt(),
                        Some("o") => 1.0 / attention.sqrt(),
                        Some("wo") => 1.0 / inner.sqrt(),
                        // Keys, values, what is activated and its gate, and the biases of distances.
                        _ => 1.0 / width.sqrt(),
                    },
            ),
        }
    }
}
