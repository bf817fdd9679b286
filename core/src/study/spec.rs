//! The types of a study file. Their doc comments are the documentation of its keys.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Parameters of an op, kept as written; the op itself checks them.
pub type Params = BTreeMap<String, serde_json::Value>;

/// A study: which encoders, on which text, seen through which enhancements, measured by what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Study {
    /// Name of the study, repeated in every result row.
    pub name: String,
    /// Seed of everything random; rows are keyed by (seed, global row).
    #[serde(default)]
    pub seed: u64,
    /// The encoders to measure, in the order in which tables show them. Not needed for datasets that are matrices.
    #[serde(default)]
    pub model: Vec<ModelSpec>,
    /// The text (or precomputed matrices) to measure them on.
    #[serde(default)]
    pub dataset: Vec<DatasetSpec>,
    /// Which hidden states become rows.
    #[serde(default)]
    pub representation: Representation,
    /// The spaces beside `raw` in which everything is measured.
    #[serde(default)]
    pub enhancement: Vec<EnhancementSpec>,
    /// What to measure on every cloud.
    #[serde(default)]
    pub metric: Vec<MetricSpec>,
    /// Scores against gold labels.
    #[serde(default)]
    pub evaluation: Vec<EvaluationSpec>,
    /// What to do with rows that hold a NaN or an infinity.
    #[serde(default)]
    pub nonfinite: NonFinite,
    /// How the work is cut. The cut is part of the plan and so of the bits.
    #[serde(default)]
    pub plan: PlanOptions,
}

/// One encoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelSpec {
    /// Name used in tables and rows.
    pub name: String,
    /// Directory of a transformers or sentence-transformers checkpoint.
    pub source: String,
}

/// One dataset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DatasetSpec {
    /// Name used in tables and rows.
    pub name: String,
    /// File to read.
    pub source: String,
    /// Format; by default the file's extension says it.
    #[serde(default)]
    pub format: Option<Format>,
    /// Column or columns that hold the text; two columns make a sentence pair. Not needed for `txt` and `npy`.
    #[serde(default, with = "one_or_many")]
    #[schemars(with = "OneOrMany")]
    pub text: Vec<String>,
    /// Column of the gold score of a row, a number.
    #[serde(default)]
    pub gold: Option<String>,
    /// Names of the columns of a `tsv` or `csv` file that has no header line.
    #[serde(default)]
    pub columns: Option<Vec<String>>,
}

/// File format of a dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Tab-separated; split on tabs only, quotes have no meaning.
    Tsv,
    /// Comma-separated with RFC 4180 quoting.
    Csv,
    /// One JSON object a line.
    Jsonl,
    /// One text a line.
    Txt,
    /// A precomputed n×d matrix of 32- or 64-bit floats in NumPy's format.
    Npy,
}

/// Which hidden states become rows.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Representation {
    /// `"all"`, or a list of layers; 0 is the embedding output.
    pub layers: Layers,
    /// What one row is.
    pub unit: Unit,
    /// Tokens that never become rows.
    pub exclude: Exclusions,
    /// Longest text in tokens, special tokens included; by default the encoder's own limit.
    pub max_tokens: Option<usize>,
    /// What happens to a longer text.
    pub on_long_text: OnLongText,
}

/// The tokens that never become rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Exclusions(pub Vec<Exclude>);

impl Default for Exclusions {
    fn default() -> Self {
        Self(vec![Exclude::Special])
    }
}

/// A class of tokens to leave out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Exclude {
    /// `[CLS]`, `[SEP]` and whatever else the tokenizer adds around the text.
    Special,
}

/// Layers to measure.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Layers {
    /// Every hidden state of the encoder.
    #[default]
    #[serde(with = "all")]
    #[schemars(with = "String")]
    All,
    /// These ones.
    Some(Vec<u32>),
}

/// What one row of a representation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// One token.
    #[default]
    Token,
    /// The mean over the tokens of one sentence.
    Sentence,
}

/// What happens to a text longer than the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnLongText {
    /// The job fails and names the row.
    Error,
    /// The text is cut; the number of texts and of tokens cut off is reported with the results.
    #[default]
    Truncate,
}

/// What happens to rows that hold a NaN or an infinity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum NonFinite {
    /// The job fails and names the rows.
    #[default]
    Error,
    /// The rows are left out and counted in the results.
    Drop,
}

/// One space beside `raw`: an enhancement, or a chain of them applied in order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EnhancementSpec {
    /// Name of the space; by default made of the ids and parameters.
    #[serde(default)]
    pub name: Option<String>,
    /// Id of the enhancement, e.g. `abtt`.
    #[serde(default)]
    pub id: Option<String>,
    /// Further enhancements, applied after `id` in this order.
    #[serde(default)]
    pub then: Vec<Step>,
    /// Parameters of `id`.
    #[serde(flatten)]
    pub params: Params,
}

/// One enhancement of a chain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// Id of the enhancement.
    pub id: String,
    /// Its parameters.
    #[serde(flatten)]
    pub params: Params,
}

/// One metric, or a family of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MetricSpec {
    /// Id of a value (`spectrum.isoscore`), of an op, or of a family (`spectrum`).
    pub id: String,
    /// Spaces to measure it in; by default all.
    #[serde(default)]
    pub spaces: Option<Vec<String>>,
    /// Parameters of the op.
    #[serde(flatten)]
    pub params: Params,
}

/// One evaluation against gold labels.
pub type EvaluationSpec = MetricSpec;

/// How the work is cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PlanOptions {
    /// Rows of the dataset in one shard; by default a 64th of the rows, 1 to 1024.
    pub shard_rows: Option<u64>,
    /// Tokens in one forward pass at most, unless one row of the dataset alone has more.
    pub batch_tokens: u32,
}

impl Default for PlanOptions {
    fn default() -> Self {
        Self { shard_rows: None, batch_tokens: 2048 }
    }
}

#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

mod one_or_many {
    use super::OneOrMany;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<String>, D::Error> {
        Ok(match OneOrMany::deserialize(d)? {
            OneOrMany::One(one) => vec![one],
            OneOrMany::Many(many) => many,
        })
    }

    pub(super) fn serialize<S: Serializer>(names: &[String], s: S) -> Result<S::Ok, S::Error> {
        names.serialize(s)
    }
}

mod all {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<(), D::Error> {
        let text = String::deserialize(d)?;
        if text == "all" {
            Ok(())
        } else {
            Err(D::Error::custom("layers is \"all\" or a list of layer numbers"))
        }
    }

    pub(super) fn serialize<S: Serializer>(s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str("all")
    }
}
