//! Measurements: what a study yields, one row a number.

use crate::state::Fit;
use serde::{Deserialize, Serialize};

/// Status of a row that has a value.
pub const OK: &str = "ok";

/// Status of the one point that stands for a vector of no values, such as a list of dimensions that names none.
pub const EMPTY: &str = "empty";

/// Kind of the error of a number for which none was estimated.
pub const NO_ERROR: &str = "none";

/// One number as an op reported it, before the study's keys are joined to it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reported {
    /// Id of the metric.
    pub metric: String,
    /// Key inside an object-valued metric; empty for a scalar.
    pub part: String,
    /// The value; `None` when `status` says why there is none.
    pub value: Option<f64>,
    /// [`OK`] or the reason for the null.
    pub status: String,
    /// Standard error where one was estimated.
    pub std_err: Option<f64>,
    /// How the error was estimated, e.g. `jackknife(16)`; [`NO_ERROR`] where none was.
    pub std_err_kind: String,
    /// Values with one block of the rows left out, in order of the blocks, where the error is that of a jackknife.
    pub replicates: Vec<f64>,
    /// Observations behind the value.
    pub n: u64,
}

/// One vector as an op reported it: a spectrum, a curve, a list of dimensions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReportedSeries {
    /// Id of the metric.
    pub metric: String,
    /// Key inside an object-valued metric; empty otherwise.
    pub part: String,
    /// [`OK`] or the reason why `values` is empty.
    pub status: String,
    /// The values in order.
    pub values: Vec<f64>,
    /// Observations behind them.
    pub n: u64,
}

/// What one op reported on one cloud.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpReport {
    /// Index of the op in the plan.
    pub op: u32,
    /// Key of the group of rows; empty for all rows.
    pub group: String,
    /// Its numbers.
    pub rows: Vec<Reported>,
    /// Its vectors.
    pub series: Vec<ReportedSeries>,
}

/// What the end of a stage yielded for one layer of one subject.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerReport {
    /// Index of the subject in the plan.
    pub subject: u32,
    /// Slot of the layer among the subject's layers.
    pub slot: u32,
    /// Reports of the ops that ended here.
    pub ops: Vec<OpReport>,
    /// Steps between spaces that became known here, when the study saves them.
    pub fits: Vec<LayerFit>,
    /// Whether some op wants another pass over the rows.
    pub again: bool,
}

/// One step between two spaces as it is on one layer: what its enhancement learnt from the rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerFit {
    /// Node of the plan's tree of spaces that the step leads to.
    pub node: u32,
    /// Width of the rows that it maps.
    pub input: u32,
    /// Its model, empty when it has nothing to fit; or why it could not be fitted.
    pub fit: Fit,
}

/// Counts that concern a subject's text rather than its geometry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tally {
    /// Rows of the dataset seen.
    pub dataset_rows: u64,
    /// Texts encoded.
    pub texts: u64,
    /// Tokens encoded, special ones included.
    pub tokens: u64,
    /// Texts cut at the token limit.
    pub truncated_texts: u64,
    /// Tokens lost by that.
    pub truncated_tokens: u64,
    /// Texts that left no row, for example empty lines.
    pub texts_without_rows: u64,
    /// Rows dropped because they held a NaN or an infinity.
    pub nonfinite_rows: u64,
    /// Forward passes that were halved because the memory of the device was full. The last bits of sums may depend on it.
    #[serde(default)]
    pub split_batches: u64,
}

impl Tally {
    /// Adds the counts of another part of the data.
    pub fn add(&mut self, other: &Self) {
        self.dataset_rows += other.dataset_rows;
        self.texts += other.texts;
        self.tokens += other.tokens;
        self.truncated_texts += other.truncated_texts;
        self.truncated_tokens += other.truncated_tokens;
        self.texts_without_rows += other.texts_without_rows;
        self.nonfinite_rows += other.nonfinite_rows;
        self.split_batches += other.split_batches;
    }
}

/// One row of `measurements.parquet`: a number with everything that identifies it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// What the number belongs to.
    #[serde(flatten)]
    pub key: Key,
    /// Key inside an object-valued metric; empty for a scalar.
    pub part: String,
    /// The value, or null.
    pub value: Option<f64>,
    /// `ok`, or the reason for the null.
    pub status: String,
    /// Standard error where one was estimated.
    pub std_err: Option<f64>,
    /// How the error was estimated, e.g. `jackknife(16)`; [`NO_ERROR`] where none was.
    pub std_err_kind: String,
    /// Observations behind the value.
    pub n: u64,
}

/// One row of `curves.parquet`: one point of a vector-valued metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// What the curve belongs to.
    #[serde(flatten)]
    pub key: Key,
    /// Key inside an object-valued metric; empty otherwise.
    pub part: String,
    /// Place in the vector, from 0; 0 with a null value for a curve that could not be had.
    pub x: u32,
    /// The value, or null.
    pub y: Option<f64>,
    /// `ok`, or the reason for the null.
    pub status: String,
    /// Observations behind the curve.
    pub n: u64,
}

/// One row of `differences.parquet`: what an encoder, or an enhancement, changes in a value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// What the value belongs to that the baseline's is taken from.
    #[serde(flatten)]
    pub key: Key,
    /// Key inside an object-valued metric; empty for a scalar.
    pub part: String,
    /// What the two values differ in.
    pub kind: DifferenceKind,
    /// Name of the encoder, or of the space, whose value is taken away.
    pub baseline: String,
    /// Value minus value of the baseline; null when one of them is.
    pub difference: Option<f64>,
    /// Standard error of the difference, by a jackknife of both values over the same blocks.
    pub std_err: Option<f64>,
    /// Difference over its standard error.
    pub z: Option<f64>,
    /// Two-sided p of `z` under the normal distribution.
    pub p: Option<f64>,
    /// `p` after Holm's correction over the differences of this kind of the same metric id in the study.
    pub p_holm: Option<f64>,
    /// Blocks of the jackknife; 0 when there was none.
    pub blocks: u32,
    /// [`OK`], or the reason why there is no p.
    pub status: String,
}

/// What the two values of a difference differ in; all else is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DifferenceKind {
    /// The encoder.
    Model,
    /// The space: an enhanced one against `raw`.
    Space,
}

impl DifferenceKind {
    /// Its name in the column `kind`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Space => "space",
        }
    }
}

/// The columns that identify a result.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Key {
    /// Name of the study.
    pub study: String,
    /// Name of the model; empty for a precomputed matrix.
    pub model: String,
    /// Name of the dataset.
    pub dataset: String,
    /// Layer; 0 is the embedding output.
    pub layer: u32,
    /// Name of the encoder, or matrix, that it is compared with; empty for one cloud.
    pub other: String,
    /// Layer of that encoder; the same as `layer` for one cloud.
    pub other_layer: u32,
    /// Column whose values part the rows into groups; empty for all rows.
    pub by: String,
    /// Key of the group; empty for all rows.
    pub group: String,
    /// Name of the space; `raw` is the empty chain.
    pub space: String,
    /// Id of the metric.
    pub metric: String,
    /// `sha256:` of the weights; empty for a matrix.
    pub weights_digest: String,
    /// Commit of a hub's repository, or `sha256:` of what a store listed, that the encoder was read from; empty for a directory.
    #[serde(default)]
    pub model_revision: String,
    /// `sha256:` of the dataset's bytes.
    pub dataset_digest: String,
    /// Unit of a row: `token`, `word` or `sentence`; `row` for a matrix.
    pub unit: String,
    /// How the tokens of a sentence were pooled, e.g. `mean` or, where the checkpoint says so, `model:mean+normalize`; empty for rows
    /// that are no sentences.
    #[serde(default)]
    pub pooling: String,
    /// What was excluded and cut, e.g. `exclude=special;max_tokens=512`.
    pub token_policy: String,
    /// The chain of enhancements with parameters, as JSON.
    pub chain: String,
    /// Version of the metric's definition.
    pub definition: u32,
    /// Parameters of the op, as JSON.
    pub params: String,
    /// Plugin id and version.
    pub plugin: String,
    /// Digest of the plugin's binary, or `built-in:ID@VERSION`.
    pub plugin_digest: String,
    /// Width of the representation before enhancement.
    pub d: u32,
    /// Seed of the study.
    pub seed: u64,
    /// Device kind, dtype and kernel set.
    pub numerics_class: String,
    /// Digest of the plan.
    pub plan_digest: String,
}
