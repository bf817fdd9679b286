//! What a worker found out about the sources of a study before it can be planned.

use crate::catalogue::PluginFacts;
use crate::study::Format;
use serde::{Deserialize, Serialize};

/// Everything a plan needs to know about the world, surveyed by a worker.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// One entry per model of the study, in its order.
    pub models: Vec<ModelFacts>,
    /// One entry per dataset of the study, in its order.
    pub datasets: Vec<DatasetFacts>,
    /// The plugins that the worker offers.
    pub plugins: Vec<PluginFacts>,
    /// Device kind, dtype and kernel set; equal classes give equal bits.
    pub numerics_class: String,
}

/// What is known of a checkpoint without running it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelFacts {
    /// `model_type` of its configuration.
    pub model_type: String,
    /// Number of hidden states, the embedding output included.
    pub hidden_states: u32,
    /// Width of a hidden state.
    pub width: u32,
    /// Longest sequence that the position table admits.
    pub max_positions: u32,
    /// `sha256:` of the weights as stored.
    pub weights_digest: String,
    /// `sha256:` of the tokenizer file.
    pub tokenizer_digest: String,
}

/// What is known of a dataset after one pass over its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetFacts {
    /// Format as given or as the file name says.
    pub format: Format,
    /// Rows of the dataset: sentence pairs, lines, or rows of the matrix.
    pub rows: u64,
    /// Texts in a row: 1, or 2 for sentence pairs. 0 for a matrix.
    pub sides: u32,
    /// Width of a precomputed matrix.
    pub width: Option<u32>,
    /// Whether each row has a gold score.
    pub gold: bool,
    /// `sha256:` of the bytes of the file.
    pub digest: String,
    /// Byte offset and line number of every `stride`-th row, so that a shard can be read without reading what precedes it.
    pub index: RowIndex,
}

/// Sparse index from row to place in the file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RowIndex {
    /// Rows between two entries.
    pub stride: u64,
    /// Place of row `i * stride`.
    pub places: Vec<Place>,
}

/// Where a row begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Byte offset from the start of the file.
    pub byte: u64,
    /// Line, counted from 1.
    pub line: u64,
}

impl RowIndex {
    /// Finds the last indexed row at or before `row`, and its place.
    #[must_use]
    pub fn at_or_before(&self, row: u64) -> Option<(u64, Place)> {
        let i = row.checked_div(self.stride)?.min(self.places.len().checked_sub(1)? as u64);
        self.places.get(usize::try_from(i).ok()?).map(|&place| (i * self.stride, place))
    }
}
