//! The embedding block of BERT and its relatives: a row each for word, type and position, summed and normalised.

use candle_core::{Result, Tensor};

use super::parameters::{Norm, Table};
use crate::batch::TokenBatch;
use crate::device::Placement;
use crate::error::EncoderError;
use crate::kernels::{Lookup, NormWeights, embed, layer_norm};
use crate::weights::{TensorSpec, Weights};

/// The name of the table of words, without the checkpoint's prefix.
pub(super) const WORDS: &str = "embeddings.word_embeddings.weight";

/// Which row of the table of positions belongs to the first token of a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FirstPosition {
    /// The first row.
    Zero,
    /// The row after the one whose index is the id of the padding token. A token of that id inside a text has the row before
    /// it and does not count, for that is how fairseq, where the scheme comes from, knows its padding.
    AfterPadding(u32),
}

/// The sizes of the block.
#[derive(Clone, Copy, Debug)]
pub(super) struct EmbeddingForm {
    pub(super) vocab: usize,
    /// Rows of the table of positions.
    pub(super) positions: usize,
    pub(super) first: FirstPosition,
    /// Rows of the table of types; `None` when a family has none.
    pub(super) types: Option<usize>,
    pub(super) width: usize,
    pub(super) epsilon: f64,
}

impl EmbeddingForm {
    /// Returns the length of the longest sequence.
    pub(super) fn max_positions(&self) -> usize {
        match self.first {
            FirstPosition::Zero => self.positions,
            FirstPosition::AfterPadding(pad) => self.positions.saturating_sub(pad as usize + 1),
        }
    }

    /// Lists the block's tensors.
    pub(super) fn tensors(&self) -> impl Iterator<Item = TensorSpec> + use<> {
        let tables = [Some(self.word_table()), Some(self.position_table()), self.type_table()];
        tables.into_iter().flatten().map(Table::tensor).chain(self.norm().tensors(""))
    }

    fn word_table(&self) -> Table {
        Table { name: "embeddings.word_embeddings", rows: self.vocab, width: self.width }
    }

    fn position_table(&self) -> Table {
        Table { name: "embeddings.position_embeddings", rows: self.positions, width: self.width }
    }

    fn type_table(&self) -> Option<Table> {
        let (name, width) = ("embeddings.token_type_embeddings", self.width);
        self.types.map(|rows| Table { name, rows, width })
    }

    fn norm(&self) -> Norm {
        Norm { name: "embeddings.LayerNorm", width: self.width, shift: true, epsilon: self.epsilon }
    }
}

/// The block with its weights.
pub(super) struct Embeddings {
    first: FirstPosition,
    words: Tensor,
    positions: Tensor,
    types: Option<Tensor>,
    norm: NormWeights,
}

impl Embeddings {
    /// Reads the block's weights.
    pub(super) fn load(
        weights: &Weights,
        form: &EmbeddingForm,
        placement: &Placement,
    ) -> std::result::Result<Self, EncoderError> {
        Ok(Self {
            first: form.first,
            words: form.word_table().load(weights, placement)?,
            positions: form.position_table().load(weights, placement)?,
            types: form.type_table().map(|table| table.load(weights, placement)).transpose()?,
            norm: form.norm().load(weights, "", placement)?,
        })
    }

    /// Computes the normalised sums, as wide as the tables.
    pub(super) fn forward(&self, batch: &TokenBatch) -> Result<Tensor> {
        let positions = position_rows(batch, self.first);
        let words = Lookup { table: &self.words, rows: batch.ids() };
        let types = self.types.as_ref().map(|table| Lookup { table, rows: batch.type_ids() });
        let positions = Lookup { table: &self.positions, rows: &positions };
        let lookups: Vec<Lookup<'_>> = [Some(words), types, Some(positions)].into_iter().flatten().collect();
        layer_norm(&embed(&lookups)?, &self.norm)
    }
}

/// Finds the row of every token in the table of positions; each sequence begins again.
pub(super) fn position_rows(batch: &TokenBatch, first: FirstPosition) -> Vec<u32> {
    let mut rows = Vec::with_capacity(batch.tokens());
    for sequence in 0..batch.sequences() {
        let range = batch.range(sequence);
        match first {
            FirstPosition::Zero => rows.extend((0..).take(range.len())),
            FirstPosition::AfterPadding(pad) => {
                let mut row = pad;
                rows.extend(batch.ids()[range].iter().map(|&id| {
                    row += u32::from(id != pad);
                    if id == pad { pad } else { row }
                }));
            }
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch() -> TokenBatch {
        let mut batch = TokenBatch::new();
        batch.push(&[5, 1, 7]);
        batch.push(&[]);
        batch.push(&[1, 9]);
        batch
    }

    #[test]
    fn positions_start_again_with_every_sequence() {
        assert_eq!(position_rows(&batch(), FirstPosition::Zero), [0, 1, 2, 0, 1]);
    }

    #[test]
    fn positions_after_the_padding_pass_over_padding_tokens_inside_a_text() {
        assert_eq!(position_rows(&batch(), FirstPosition::AfterPadding(1)), [2, 1, 3, 1, 2]);
        assert_eq!(position_rows(&batch(), FirstPosition::AfterPadding(3)), [4, 5, 6, 4, 5]);
    }
}
