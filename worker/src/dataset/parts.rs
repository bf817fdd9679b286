//! The files whose rows make up a dataset: that of the training part, if there is one, then the source.

use isoscope_core::facts::{DatasetFacts, RowIndex};
use isoscope_core::study::DatasetSpec;
use std::ops::Range;

/// One file and the rows of the dataset that lie in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part<'a> {
    /// File as the study names it.
    pub(super) file: &'a str,
    /// Its index; rows count from 0 in it.
    pub(super) index: &'a RowIndex,
    /// Its rows among those of the dataset.
    pub(super) rows: Range<u64>,
}

impl Part<'_> {
    /// What lies in the file of a range of rows of the dataset, counted from 0 in the file.
    pub(super) fn share(&self, rows: &Range<u64>) -> Range<u64> {
        let local = |row: u64| row.clamp(self.rows.start, self.rows.end) - self.rows.start;
        local(rows.start)..local(rows.end)
    }
}

/// Lists the files of a surveyed dataset in the order of their rows.
pub(super) fn parts<'a>(spec: &'a DatasetSpec, facts: &'a DatasetFacts) -> Vec<Part<'a>> {
    let train = spec.train.as_deref();
    let train = train.map(|file| Part { file, index: &facts.train_index, rows: 0..facts.train_rows });
    let source = Part { file: &spec.source, index: &facts.index, rows: facts.train_rows..facts.rows };
    train.into_iter().chain([source]).collect()
}
