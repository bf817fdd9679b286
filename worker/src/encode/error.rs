//! What can go wrong while text is encoded.

use super::FilesError;
use crate::error::WorkerError;
use isoscope_core::violation::Violations;

/// An encoding that could not be begun, or was not ended.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EncodeError {
    /// The encoder does not have what is asked of it; fields are those of a study.
    #[error(transparent)]
    Study(#[from] Violations),
    /// The checkpoint or the input cannot be used.
    #[error(transparent)]
    Worker(WorkerError),
    /// Words were asked for, but ids do not tell where words begin.
    #[error(
        "token ids do not tell where words begin; take tokens or sentences as the unit, or give the text"
    )]
    WordsOfIds,
    /// Hidden states hold a NaN or an infinity.
    #[error(
        "{count} rows are not finite at layer {layer}: {rows}; the weights of the checkpoint are damaged, or too large for f32"
    )]
    NonFinite {
        /// Layer.
        layer: u32,
        /// How many rows of the batch.
        count: usize,
        /// The first few, for a person.
        rows: String,
    },
    /// Every token of every text was excluded.
    #[error(
        "none of the {texts} texts has a token that is not special, so there is no row; keep the special tokens, or give other text"
    )]
    NoRows {
        /// How many texts.
        texts: u64,
    },
    /// Rows could not be written.
    #[error("{0}")]
    Files(FilesError),
    /// The encoding was stopped.
    #[error("stopped")]
    Stopped,
}

impl EncodeError {
    /// Tells whether the input is at fault, rather than this machine.
    #[must_use]
    pub fn is_input(&self) -> bool {
        !matches!(self, Self::Files(_) | Self::Stopped)
    }
}
