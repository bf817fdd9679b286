//! The types of a study file. Their doc comments are the documentation of its keys: docs/studies.md is made of them.

use super::{NumberFormat, Pooling};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Parameters of an op, kept as written; the op itself checks them.
pub type Params = BTreeMap<String, serde_json::Value>;

/// A study: which encoders, on which text, seen through which enhancements, measured by what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Study {
    /// Name of the study: the first column of every result row, and the folder under `out/` when none is given.
    pub name: String,
    /// Seed of everything random. What is drawn for a row depends on the seed and on the place of the row in its dataset alone, so
    /// the cut of the work never changes it. Ops that draw nothing ignore it.
    #[serde(default)]
    pub seed: u64,
    /// The encoders to measure, in the order in which tables show them. Every one reads every dataset of text. Not needed when all
    /// datasets are matrices.
    #[serde(default)]
    pub model: Vec<ModelSpec>,
    /// The text, or the precomputed matrices, to measure on; at least one.
    #[serde(default)]
    pub dataset: Vec<DatasetSpec>,
    /// Which hidden states of an encoder become rows. Matrices are taken as they are: one row of the file is one row, layer 0.
    #[serde(default)]
    pub representation: Representation,
    /// The spaces in which everything is measured, beside `raw`, which is always there.
    #[serde(default)]
    pub enhancement: Vec<EnhancementSpec>,
    /// What to measure on every cloud, that is, for every encoder, dataset, layer and space. A study needs a metric or an evaluation.
    #[serde(default)]
    pub metric: Vec<MetricSpec>,
    /// Scores against gold labels, for every dataset that has two columns of text and a gold column.
    #[serde(default)]
    pub evaluation: Vec<EvaluationSpec>,
    /// Models trained on labelled rows, for every dataset that has the columns they need: a label, and a training part.
    #[serde(default)]
    pub probe: Vec<ProbeSpec>,
    /// Measures between two encoders on the same tokens, or between two matrices of as many rows.
    #[serde(default)]
    pub comparison: Vec<ComparisonSpec>,
    /// Tables to print in place of the one of all values, in this order.
    #[serde(default)]
    pub table: Vec<TableSpec>,
    /// Errors and differences beside the values.
    #[serde(default)]
    pub statistics: Statistics,
    /// Whether the fitted enhancements are kept: one file for each encoder, dataset, layer and space in `transforms/`, which
    /// `isoscope apply` maps rows of your own with. A whitening of width d takes 8·d² bytes.
    #[serde(default = "yes")]
    pub save_transforms: bool,
    /// What to do with rows that hold a NaN or an infinity.
    #[serde(default)]
    pub nonfinite: NonFinite,
    /// How the work is cut. The cut is part of the plan: another one may change the last bits of a value, never its meaning.
    #[serde(default)]
    pub plan: PlanOptions,
}

fn yes() -> bool {
    true
}

/// An encoder.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ModelSpec {
    /// Name used in tables and result rows; each encoder has another.
    pub name: String,
    /// Directory of a transformers or sentence-transformers checkpoint with safetensors weights and a `tokenizer.json`, or where to
    /// fetch one from: `hf://OWNER/NAME@REVISION`, `s3://BUCKET/PREFIX` (docs/models.md). A relative path begins at the
    /// directory in which the command runs, or at that of `--base`; on a fleet it must lead to the same files on every worker.
    /// `--model NAME=SOURCE` replaces it. One with `adapter_config.json` is a low-rank adapter, put on its `base` when it is read;
    /// `random:SOURCE?seed=0` is the architecture of `SOURCE` with weights drawn at random, as before all training.
    pub source: String,
    /// The checkpoint that the adapter in `source` was trained on, in the forms of `source`; by default what the adapter names, where
    /// that is a directory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<String>,
}

/// A dataset: text, or a precomputed matrix.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DatasetSpec {
    /// Name used in tables and result rows; each dataset has another.
    pub name: String,
    /// File to read. Relative paths are resolved as for an encoder. `--data FILE` replaces that of the first dataset.
    pub source: String,
    /// Format of the file; by default its extension says it: `.tsv`, `.csv`, `.jsonl` or `.ndjson`, `.txt`,
    /// `.conllu`, `.npy`.
    #[serde(default)]
    pub format: Option<Format>,
    /// Column that holds the text, or two columns that hold the sentences of a pair. Required for `tsv`, `csv` and `jsonl`;
    /// `txt` and `npy` have no columns.
    #[serde(default, with = "one_or_many")]
    #[schemars(with = "OneOrMany")]
    pub text: Vec<String>,
    /// Column of the gold score of a row, a finite number. Needed by evaluations only.
    #[serde(default)]
    pub gold: Option<String>,
    /// Names of the columns of a `tsv` or `csv` file that has no header line; by default the first line names them.
    #[serde(default)]
    pub columns: Option<Vec<String>>,
    /// Column of the class of a row, for probes and groups. Of a `conllu` file: `upos`, `xpos`, `deprel`, `lemma` or `form` of the word.
    #[serde(default)]
    pub label: Option<String>,
    /// Further columns that rows carry along, for `by` and for groups; of a `conllu` file those that `label` may name.
    #[serde(default)]
    pub carry: Vec<String>,
    /// Columns from files of their own, by name: a NumPy vector (`.npy`), or a text file with one value a line, an empty one for none.
    /// Row i of the file belongs to row i of the dataset, those of `train` first. The names `label`, `gold` and `split` mean what
    /// the keys mean; for a matrix so do `word`, `sentence`, `token_id`, `position`, `head` and `frequency`, as rows of text have them.
    #[serde(default)]
    pub attach: BTreeMap<String, String>,
    /// Table of word frequencies, tab-separated: a word and its frequency on the Zipf scale (log10 of occurrences in a billion words).
    #[serde(default)]
    pub frequency: Option<String>,
    /// File of the same form as `source` that holds the training part: enhancements are fitted and probes trained on it, everything
    /// else is measured on `source` alone.
    #[serde(default)]
    pub train: Option<String>,
    /// Column that says which part a row belongs to: `train` or `tr`, `test` or `te`; rows of any other part are left out.
    #[serde(default)]
    pub split: Option<String>,
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
    /// Words of sentences with their annotation, in the CoNLL-U format of Universal Dependencies; a sentence is a row.
    Conllu,
    /// A precomputed n×d matrix of 32- or 64-bit floats in NumPy's format; rows are observations.
    Npy,
}

/// Which hidden states become rows.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Representation {
    /// Layers to measure: 0 is the embedding output, the last is the encoder's output. Each layer is a cloud of its own; fewer layers
    /// take less memory and hardly less time.
    pub layers: Layers,
    /// What one row is. Enhancements are fitted on these rows too.
    pub unit: Unit,
    /// How the tokens of a sentence become one row. Of tokens and words it says nothing: a word is always the mean of its tokens.
    pub pooling: Pooling,
    /// Classes of tokens that never become rows and are left out of means; `[]` keeps every token. The encoder reads them in any case.
    /// A checkpoint's own pooling takes all tokens, but a text without a token that is kept has no row.
    pub exclude: Exclusions,
    /// Most tokens of a text, special tokens included, at least 3; by default the encoder's own limit, and never more.
    pub max_tokens: Option<usize>,
    /// What happens to a text of more tokens than that.
    pub on_long_text: OnLongText,
    /// Number format of weights and hidden states. The half formats are what GPUs are fast in; results say which one made them.
    pub dtype: NumberFormat,
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
    #[schemars(with = "String", extend("const" = "all"))]
    All,
    /// The encoder's output alone.
    #[serde(with = "last")]
    #[schemars(with = "String", extend("const" = "last"))]
    Last,
    /// These ones; the order has no meaning.
    Some(Vec<u32>),
}

/// What one row of a representation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// One token.
    #[default]
    Token,
    /// The mean over the tokens of one word. Words are those of the `conllu` file, else those of the tokenizer.
    Word,
    /// One sentence, its tokens pooled as `pooling` says: one text, or one side of a pair.
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
    /// The rows are left out, and the manifest of the results counts them.
    Drop,
}

/// One space beside `raw`: an enhancement, or a chain of them applied in order. Every key that is not listed is a parameter of the
/// enhancement `id`, by name and type as its plugin declares it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EnhancementSpec {
    /// Name of the space in tables, result rows and `spaces`; by default made of the ids and parameters as written, e.g.
    /// `abtt(components=3)+l2_normalize`.
    #[serde(default)]
    pub name: Option<String>,
    /// Id of the first enhancement, e.g. `abtt`; required.
    #[serde(default)]
    pub id: Option<String>,
    /// Further enhancements, applied after `id` in this order, each fitted on what the one before it yields. Chains that begin alike
    /// share their work.
    #[serde(default)]
    pub then: Vec<Step>,
    /// Parameters of `id`.
    #[serde(flatten)]
    pub params: Params,
}

/// One more enhancement of a chain. Every key that is not listed is a parameter of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Step {
    /// Id of the enhancement.
    pub id: String,
    /// Its parameters.
    #[serde(flatten)]
    pub params: Params,
}

/// One metric, or a family of them. Every key that is not listed is a parameter of the selected ops; of a family, each op takes the
/// parameters that it knows, and one that no op knows is refused. An op that is named must find its columns in some dataset; of a family,
/// those that do not are left out, and `isoscope plan` and the manifest of the results name them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct MetricSpec {
    /// What to measure: the id of a value (`spectrum.isoscore`), of an op, or of a family (`spectrum`), of any plugin on the machine;
    /// `isoscope plugin list` shows them.
    pub id: String,
    /// Names of the spaces to measure it in, `raw` among them; by default all.
    #[serde(default)]
    pub spaces: Option<Vec<String>>,
    /// Layers to measure it on; by default all that the study measures. What costs much may be kept to `"last"`.
    #[serde(default)]
    pub layers: Option<Layers>,
    /// Column whose values part the rows into groups: the metric, one on moments, is reported for each group on its own. Columns are
    /// `label`, `word`, `position`, `sentence`, `token_id`, `frequency` (in whole bins), and those that the dataset carries.
    #[serde(default)]
    pub by: Option<String>,
    /// Fewest rows of a group that is reported; smaller groups are counted only.
    #[serde(default)]
    pub min_group: Option<u64>,
    /// Parameters of the op.
    #[serde(flatten)]
    pub params: Params,
}

/// One evaluation against gold labels.
pub type EvaluationSpec = MetricSpec;

/// One probe.
pub type ProbeSpec = MetricSpec;

/// One comparison, or a family of them, as for a metric. Every key that is not listed is a parameter of the selected ops.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ComparisonSpec {
    /// What to measure: the id of a value (`compare.cka_linear`), of an op, or of a family (`compare`).
    pub id: String,
    /// Names of two encoders with the same tokenizer, compared on every dataset of text; or of two datasets that are matrices of as
    /// many rows. Not needed when the study has two encoders, or no encoder and two matrices.
    #[serde(default)]
    pub between: Option<[String; 2]>,
    /// Which layers of the two encoders meet.
    #[serde(default)]
    pub layers: LayerPairs,
    /// Parameters of the op.
    #[serde(flatten)]
    pub params: Params,
}

/// Which layers of two encoders meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LayerPairs {
    /// Each layer with the same layer of the other encoder.
    #[default]
    Same,
    /// Each layer with each layer of the other encoder.
    All,
}

/// A table of some of the values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TableSpec {
    /// What stands above it.
    pub title: String,
    /// What a row is; the encoders stand side by side.
    #[serde(default)]
    pub rows: TableRows,
    /// Ids of the values, in order; `ID#PART` for a named number of an object, and an id that ends in `*` for all that begin so.
    pub metrics: Vec<String>,
    /// Names of the spaces, in order; by default all.
    #[serde(default)]
    pub spaces: Option<Vec<String>>,
    /// Layers; by default all.
    #[serde(default)]
    pub layers: Option<Layers>,
    /// Lines below the table: conventions, and what to look for.
    #[serde(default)]
    pub note: String,
}

/// What a row of a table is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum TableRows {
    /// A space: methods below each other.
    #[default]
    Space,
    /// A layer: the curve over the layers.
    Layer,
    /// A value: many values of one space and layer.
    Metric,
}

/// Errors and differences beside the values.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Statistics {
    /// Whether values that are functions of sums over the rows get a standard error: a delete-a-group jackknife over the top blocks
    /// of the merge tree, at most 16.
    pub jackknife: bool,
    /// Name of the encoder that the others are compared with in `differences.parquet`; by default the first one.
    pub baseline: Option<String>,
}

impl Default for Statistics {
    fn default() -> Self {
        Self { jackknife: true, baseline: None }
    }
}

/// How the work is cut.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PlanOptions {
    /// Rows of the dataset (texts, pairs, or rows of a matrix) in one shard, the smallest piece of work; at least 1. By default a
    /// 32nd of the rows, at most 1024, and fewer where the encoder is large, so that no task takes long. Smaller shards spread a
    /// small dataset over more workers.
    pub shard_rows: Option<u64>,
    /// Most tokens in one forward pass, at least 1; a row of the dataset is never cut for it. By default 1024, and 32768 on a GPU.
    /// Raise it for speed, lower it when memory is short.
    pub batch_tokens: Option<u32>,
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

/// A variant that is written as one word.
macro_rules! word {
    ($module:ident, $word:literal) => {
        mod $module {
            use serde::{Deserialize, Deserializer, Serializer, de::Error};

            pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<(), D::Error> {
                if String::deserialize(d)? == $word {
                    Ok(())
                } else {
                    Err(D::Error::custom("layers is \"all\", \"last\" or a list of layer numbers"))
                }
            }

            pub(super) fn serialize<S: Serializer>(s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str($word)
            }
        }
    };
}

word!(all, "all");
word!(last, "last");
