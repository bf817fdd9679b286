//! The rows of one batch on their way to the files.

use super::{EncodeError, Encoding, RowFiles};
use crate::error::WorkerError;
use crate::pass::name_rows;
use crate::rows::{self, Columns};
use crate::source::RowSink;
use isoscope_core::pooling::RowKind;
use ndarray::{ArrayView2, Axis};

/// Pools the rows of one batch, checks them and hands them on.
pub(super) struct Handover<'a> {
    first: u64,
    layers: &'a [u32],
    kind: RowKind,
    files: &'a dyn RowFiles,
    failure: Option<EncodeError>,
}

impl<'a> Handover<'a> {
    /// Takes the rows of a batch whose first row is number `first`.
    pub(super) fn new(first: u64, encoding: &'a Encoding, files: &'a dyn RowFiles) -> Self {
        Self { first, layers: encoding.layers(), kind: encoding.row_kind(), files, failure: None }
    }

    /// What became of the batch: the failure of the files or of the check, else that of the forward pass.
    pub(super) fn outcome(self, done: Result<(), WorkerError>) -> Result<(), EncodeError> {
        match self.failure {
            Some(failure) => Err(failure),
            None => done.map_err(EncodeError::Worker),
        }
    }

    fn hand_over(
        &self,
        layer: usize,
        rows: ArrayView2<'_, f32>,
        columns: &Columns,
    ) -> Result<(), EncodeError> {
        if !is_finite(rows) {
            let places = rows.axis_iter(Axis(0)).enumerate();
            let bad = places.filter(|(_, row)| row.iter().any(|value| !value.is_finite()));
            let bad: Vec<usize> = bad.map(|(place, _)| place).collect();
            let layer = self.layers.get(layer).copied().unwrap_or_default();
            return Err(EncodeError::NonFinite { layer, count: bad.len(), rows: name_rows(&bad, columns) });
        }
        let handed = if self.kind == RowKind::Token {
            self.files.rows(layer, self.first, rows)
        } else {
            // Rows are pooled as a study takes them, and rounded once.
            let pooled = rows::pool(self.kind, rows.mapv(f64::from).view(), columns);
            let pooled = pooled.map(|(pooled, _)| pooled.mapv(|value| value as f32));
            self.files.rows(layer, self.first, pooled.as_ref().map_or(rows, |pooled| pooled.view()))
        };
        handed.map_err(EncodeError::Files)
    }
}

impl RowSink for Handover<'_> {
    fn rows(
        &mut self,
        layer: usize,
        rows: ArrayView2<'_, f32>,
        columns: &Columns,
    ) -> Result<(), WorkerError> {
        let handed = self.hand_over(layer, rows, columns);
        handed.map_err(|failure| {
            self.failure = Some(failure);
            WorkerError::task("the rows were not taken")
        })
    }

    fn wide_rows(&mut self, _: ArrayView2<'_, f64>, _: &Columns) -> Result<(), WorkerError> {
        Err(WorkerError::task("an encoder pushes rows of single precision"))
    }
}

/// Tells whether all values are numbers; without a branch a value, for there are many.
fn is_finite(rows: ArrayView2<'_, f32>) -> bool {
    const EXPONENT: u32 = 0x7f80_0000;
    rows.fold(0, |most: u32, value| most.max(value.to_bits() & EXPONENT)) < EXPONENT
}
