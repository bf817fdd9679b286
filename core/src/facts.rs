//! What a worker found out about the sources of a study before it can be planned.

use crate::catalogue::PluginFacts;
use crate::pooling::PoolingMode;
use crate::study::{Format, Unit};
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
    /// What it says of sentences.
    #[serde(default, skip_serializing_if = "SentenceModules::is_none")]
    pub sentences: SentenceModules,
    /// Commit of a hub's repository, or `sha256:` of what a store lists, that was read; empty for a directory.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub revision: String,
    /// The same of an adapter's base that the study names.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub base_revision: String,
}

/// What a checkpoint makes of the tokens of a sentence, beside its hidden states.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum SentenceModules {
    /// Nothing: it is an encoder alone.
    #[default]
    None,
    /// It pools all tokens of a text.
    Pooling {
        /// How.
        mode: PoolingMode,
        /// Whether the pooled vectors are then brought to length 1.
        normalize: bool,
    },
    /// It does something that is not computed.
    Unsupported {
        /// What, for a person.
        reason: String,
    },
}

impl SentenceModules {
    fn is_none(&self) -> bool {
        *self == Self::None
    }
}

/// What is known of a dataset after one pass over its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetFacts {
    /// Format as given or as the file name says.
    pub format: Format,
    /// Rows of the dataset: sentence pairs, lines, sentences, or rows of the matrix; those of the training file come first.
    pub rows: u64,
    /// Rows of the training file, which are rows `0..train_rows`; 0 when there is none. A column that splits one file
    /// into parts leaves it at 0.
    pub train_rows: u64,
    /// Texts in a row: 1, or 2 for sentence pairs. 0 for a matrix.
    pub sides: u32,
    /// Width of a precomputed matrix.
    pub width: Option<u32>,
    /// Whether each row has a gold score.
    pub gold: bool,
    /// Names of the columns of the rows beyond those that every row of text has (row, sentence, token id, position), in
    /// order of names; for a matrix all but the row.
    pub columns: Vec<String>,
    /// Those of `columns` that belong to words: rows that are sentences do not have them.
    pub word_columns: Vec<String>,
    /// `sha256:` of the bytes of the file; when more files than one are read, that of the list of their digests.
    pub digest: String,
    /// Where every `stride`-th row of the file begins, so that a shard can be read without reading what precedes it.
    pub index: RowIndex,
    /// The same for the training file; rows count from 0 in it.
    pub train_index: RowIndex,
    /// What is known of the attached files, in order of names.
    pub attached: Vec<AttachedFacts>,
    /// `sha256:` of the table of word frequencies.
    pub frequency_digest: Option<String>,
}

impl DatasetFacts {
    /// Tells whether the rows have a column, when a row is one `unit`. Matrices have no units.
    #[must_use]
    pub fn has(&self, column: &str, unit: Unit) -> bool {
        let listed = |names: &[String]| names.iter().any(|name| name == column);
        if column == "row" || self.format == Format::Npy {
            return column == "row" || listed(&self.columns);
        }
        match column {
            "sentence" => true,
            "token_id" => unit == Unit::Token,
            "position" => unit != Unit::Sentence,
            _ => listed(&self.columns) && !(unit == Unit::Sentence && listed(&self.word_columns)),
        }
    }
}

/// What is known of an attached file: a column that lies in a file of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttachedFacts {
    /// Name of the column.
    pub name: String,
    /// Type of its values.
    pub values: ColumnType,
    /// Where every `stride`-th line begins; empty for a NumPy vector.
    pub index: RowIndex,
}

/// Type of the values of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnType {
    /// Whole numbers.
    I64,
    /// Floats.
    F64,
    /// Strings.
    Text,
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    #[test]
    fn facts_of_a_directory_are_written_as_they_were_before_there_were_revisions() {
        let written = json!({
            "model_type": "bert", "hidden_states": 7, "width": 384, "max_positions": 512,
            "weights_digest": "sha256:01", "tokenizer_digest": "sha256:02",
        });
        let mut facts: ModelFacts = serde_json::from_value(written.clone()).unwrap();
        assert_eq!(serde_json::to_value(&facts).unwrap(), written);
        facts.revision = "c0ffee".to_owned();
        assert_eq!(serde_json::to_value(&facts).unwrap()["revision"], "c0ffee");
    }
}
