//! Where rows go, and whose turn it is.

use super::batches::Batches;
use super::error::EncodeError;
use super::held;
use crate::error::WorkerError;
use crate::rows::{self, Columns};
use crate::source::Batch;
use isoscope_core::pooling::RowKind;
use isoscope_core::result::Tally;
use ndarray::{Array2, ArrayView2};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// The error of a receiver of rows, in whatever type the receiver has.
pub type FilesError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// Receives the rows of all layers.
pub trait RowFiles: Sync {
    /// Takes what is known of the rows from `first` on. Calls come one after the other, in the order of the rows.
    ///
    /// # Errors
    /// Any error ends the encoding.
    fn describe(&self, first: u64, columns: &Columns) -> Result<(), FilesError>;

    /// Takes n×d rows of the `layer`-th layer, from row `first` on. Calls come from several threads, and for one layer in any order; of
    /// two batches the one with the earlier rows was begun first.
    ///
    /// # Errors
    /// Any error ends the encoding.
    fn rows(&self, layer: usize, first: u64, rows: ArrayView2<'_, f32>) -> Result<(), FilesError>;

    /// Says that the rows from `first` on will never come, so that nobody waits for them; those before are still on their way.
    fn give_up(&self, _first: u64) {}
}

/// A batch in its turn.
pub(super) struct Turn {
    /// Which one, from 0.
    pub(super) number: u64,
    /// Its first row among those of all batches.
    pub(super) first: u64,
    /// Rows of the dataset read so far.
    pub(super) dataset_rows: u64,
    /// The batch itself.
    pub(super) batch: Batch,
}

/// Hands out batches in order, and keeps the first failure.
pub(super) struct Turns<'a> {
    kind: RowKind,
    /// Where rows go.
    pub(super) files: &'a dyn RowFiles,
    stop: &'a AtomicBool,
    failed: AtomicBool,
    line: Mutex<Line<'a>>,
    failure: Mutex<Option<(u64, EncodeError)>>,
}

struct Line<'a> {
    batches: Box<dyn Batches + 'a>,
    number: u64,
    rows: u64,
}

impl<'a> Turns<'a> {
    /// Begins at the first batch.
    pub(super) fn new(
        batches: Box<dyn Batches + 'a>,
        kind: RowKind,
        files: &'a dyn RowFiles,
        stop: &'a AtomicBool,
    ) -> Self {
        let line = Mutex::new(Line { batches, number: 0, rows: 0 });
        Self { kind, files, stop, failed: AtomicBool::new(false), line, failure: Mutex::new(None) }
    }

    /// The next batch, its rows described and counted; none at the end, or after a failure.
    pub(super) fn next(&self) -> Option<Turn> {
        let mut line = held(self.line.lock());
        if self.stop.load(Ordering::Relaxed) {
            self.fail(line.number, EncodeError::Stopped, None);
        }
        if self.failed.load(Ordering::Relaxed) {
            return None;
        }
        match self.take(&mut line) {
            Ok(turn) => turn,
            Err(error) => {
                self.fail(line.number, error, None);
                None
            }
        }
    }

    fn take(&self, line: &mut Line<'_>) -> Result<Option<Turn>, EncodeError> {
        let Some(batch) = line.batches.next()? else { return Ok(None) };
        let (number, first) = (line.number, line.rows);
        let described = described(self.kind, &batch.columns);
        let columns = described.as_ref().unwrap_or(&batch.columns);
        self.files.describe(first, columns).map_err(EncodeError::Files)?;
        line.rows += columns.len() as u64;
        line.number += 1;
        Ok(Some(Turn { number, first, dataset_rows: line.batches.tally().dataset_rows, batch }))
    }

    /// Notes what ended the batch of a turn, whose rows are `missing` from a number on where it was begun. Of several failures the one
    /// of the earliest batch counts: batches before it were begun before it and are always ended.
    pub(super) fn fail(&self, number: u64, error: EncodeError, missing: Option<u64>) {
        let mut failure = held(self.failure.lock());
        if failure.as_ref().is_none_or(|(known, _)| number < *known) {
            *failure = Some((number, error));
        }
        drop(failure);
        self.failed.store(true, Ordering::Relaxed);
        if let Some(first) = missing {
            self.files.give_up(first);
        }
    }

    /// The counts, or the first failure.
    pub(super) fn end(self) -> Result<Tally, EncodeError> {
        if let Some((_, error)) = held(self.failure.into_inner()) {
            return Err(error);
        }
        let tally = held(self.line.into_inner()).batches.tally();
        if tally.texts == tally.texts_without_rows {
            Err(EncodeError::NoRows { texts: tally.texts })
        } else {
            Ok(tally)
        }
    }
}

/// The columns of pooled rows, which are known before the rows; none where a row is a token.
fn described(kind: RowKind, columns: &Columns) -> Option<Columns> {
    let nothing = Array2::zeros((columns.len(), 0));
    rows::pool(kind, nothing.view(), columns).map(|(_, columns)| columns)
}

impl From<WorkerError> for EncodeError {
    fn from(error: WorkerError) -> Self {
        Self::Worker(error)
    }
}
