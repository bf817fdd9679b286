//! Rows of a precomputed matrix.

use super::{RowSink, Sources};
use crate::dataset::read_matrix;
use crate::error::WorkerError;
use crate::rows::Columns;
use isoscope_core::result::Tally;
use ndarray::Axis;

/// Rows handed on at once: enough for matrix products to run at speed, few enough to stay in cache.
const BATCH_ROWS: usize = 2048;

pub(super) fn shard(sources: &Sources<'_>, shard: u64, sink: &mut dyn RowSink) -> Result<Tally, WorkerError> {
    let subject = sources.subject;
    let range = subject.rows(shard);
    let rows = read_matrix(&subject.dataset, &subject.dataset_facts, sources.base, range.clone()).map_err(
        |source| WorkerError::Dataset { field: format!("dataset.{}.source", subject.dataset.name), source },
    )?;
    let mut first = range.start as i64;
    for batch in rows.axis_chunks_iter(Axis(0), BATCH_ROWS) {
        let n = batch.nrows() as i64;
        let columns = Columns { row: (first..first + n).collect(), ..Columns::default() };
        sink.wide_rows(batch, &columns)?;
        first += n;
    }
    Ok(Tally { dataset_rows: range.end - range.start, ..Tally::default() })
}
