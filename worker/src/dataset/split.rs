//! The parts of a dataset: rows to train on, and rows to measure.

use super::DatasetError;
use crate::rows::{TEST, TRAIN};
use std::path::Path;

/// Reads a value of a column that says which part a row belongs to; none for any other part.
pub(super) fn part(written: &str) -> Option<&'static str> {
    match written {
        "train" | "tr" => Some(TRAIN),
        "test" | "te" => Some(TEST),
        _ => None,
    }
}

/// Counts the rows of each part.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct PartCounts {
    train: u64,
    test: u64,
    other: u64,
}

impl PartCounts {
    /// Counts a row by what its column says.
    pub(super) fn count(&mut self, written: Option<&str>) {
        match written.and_then(part) {
            Some(TRAIN) => self.train += 1,
            Some(_) => self.test += 1,
            None => self.other += 1,
        }
    }

    /// Refuses a dataset that lacks one of the parts.
    pub(super) fn check(self, path: &Path, column: &str) -> Result<(), DatasetError> {
        let empty = match (self.train, self.test) {
            (0, _) => TRAIN,
            (_, 0) => TEST,
            _ => return Ok(()),
        };
        let Self { train, test, other } = self;
        let (path, column) = (path.to_path_buf(), column.to_owned());
        Err(DatasetError::EmptyPart { path, column, empty, train, test, other })
    }
}
