//! Packed batches of token ids.

use std::ops::Range;

/// Holds the tokens of several sequences end to end, without padding.
///
/// A batch of T tokens is encoded as T rows; [`TokenBatch::range`] says which rows belong to a sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenBatch {
    ids: Vec<u32>,
    type_ids: Vec<u32>,
    /// Cumulative token counts, from 0 to T: one more than there are sequences.
    offsets: Vec<usize>,
}

impl Default for TokenBatch {
    fn default() -> Self {
        Self { ids: Vec::new(), type_ids: Vec::new(), offsets: vec![0] }
    }
}

impl TokenBatch {
    /// Creates an empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends a sequence of one segment: every token has type 0.
    pub fn push(&mut self, ids: &[u32]) {
        self.ids.extend_from_slice(ids);
        self.type_ids.resize(self.ids.len(), 0);
        self.offsets.push(self.ids.len());
    }

    /// Appends a pair of segments as one sequence: tokens of `first` have type 0, tokens of `second` type 1.
    pub fn push_pair(&mut self, first: &[u32], second: &[u32]) {
        self.ids.extend_from_slice(first);
        self.type_ids.resize(self.ids.len(), 0);
        self.ids.extend_from_slice(second);
        self.type_ids.resize(self.ids.len(), 1);
        self.offsets.push(self.ids.len());
    }

    /// Cuts the batch in two: the first `sequences` sequences, and the others.
    ///
    /// # Panics
    /// When there are fewer.
    #[must_use]
    pub fn split(&self, sequences: usize) -> (Self, Self) {
        let at = self.offsets[sequences];
        let part = |rows: Range<usize>, offsets: &[usize]| Self {
            ids: self.ids[rows.clone()].to_vec(),
            type_ids: self.type_ids[rows.clone()].to_vec(),
            offsets: offsets.iter().map(|offset| offset - rows.start).collect(),
        };
        (part(0..at, &self.offsets[..=sequences]), part(at..self.tokens(), &self.offsets[sequences..]))
    }

    /// Removes every sequence and keeps the memory.
    pub fn clear(&mut self) {
        self.ids.clear();
        self.type_ids.clear();
        self.offsets.truncate(1);
    }

    /// Returns the number of sequences.
    #[must_use]
    pub fn sequences(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Returns the number of tokens of all sequences together, T.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.ids.len()
    }

    /// Returns the rows of sequence `i` among the T rows of the batch.
    ///
    /// # Panics
    /// When `i` is not below [`TokenBatch::sequences`].
    #[must_use]
    pub fn range(&self, i: usize) -> Range<usize> {
        self.offsets[i]..self.offsets[i + 1]
    }

    /// Returns the token ids of all sequences, T values.
    #[must_use]
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// Returns the token types (segments) of all sequences, T values.
    #[must_use]
    pub fn type_ids(&self) -> &[u32] {
        &self.type_ids
    }

    /// Returns the cumulative token counts, from 0 to T: one more value than there are sequences.
    #[must_use]
    pub fn offsets(&self) -> &[usize] {
        &self.offsets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_follow_the_sequences_even_when_one_is_empty() {
        let mut batch = TokenBatch::new();
        batch.push(&[5, 6, 7]);
        batch.push(&[]);
        batch.push_pair(&[8], &[9, 10]);
        assert_eq!((batch.sequences(), batch.tokens()), (3, 6));
        assert_eq!([batch.range(0), batch.range(1), batch.range(2)], [0..3, 3..3, 3..6]);
        assert_eq!(batch.type_ids(), [0, 0, 0, 0, 1, 1]);
        batch.clear();
        assert_eq!(batch, TokenBatch::new());
    }

    #[test]
    fn a_batch_is_cut_between_sequences() {
        let mut batch = TokenBatch::new();
        batch.push(&[5, 6, 7]);
        batch.push_pair(&[8], &[9, 10]);
        batch.push(&[11]);
        let (first, second) = batch.split(1);
        assert_eq!((first.ids(), first.offsets()), (&[5, 6, 7][..], &[0, 3][..]));
        assert_eq!((second.ids(), second.offsets()), (&[8, 9, 10, 11][..], &[0, 3, 4][..]));
        assert_eq!(second.type_ids(), [0, 1, 1, 0]);
    }
}
