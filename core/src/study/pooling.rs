//! How a study says that sentences are pooled.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the tokens of a sentence become one row, in 64 bits and in the same way on every layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// As the checkpoint says: where it is a sentence-transformers directory with a pooling module, that one over all tokens,
    /// special ones included, and rows of length 1 where a Normalize module follows; else `"mean"`.
    #[default]
    Model,
    /// The mean of the tokens that `exclude` keeps.
    Mean,
    /// The first token of the text, special or not.
    Cls,
    /// The largest value of each dimension over the tokens that `exclude` keeps.
    Max,
    /// The sum of the tokens that `exclude` keeps over the square root of their number.
    MeanSqrtLen,
    /// The last token of the text, special or not.
    #[serde(rename = "lasttoken")]
    LastToken,
    /// The mean of the tokens that `exclude` keeps, each weighted by its place in the text.
    #[serde(rename = "weightedmean")]
    WeightedMean,
}
