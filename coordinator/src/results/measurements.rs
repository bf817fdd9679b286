//! `measurements.parquet`.

use super::ResultError;
use super::columns::{Columns, bits, explained, finite};
use super::file::to_parquet;
use isoscope_core::result::Measurement;

/// Writes measurements as a Parquet file: one row a number, sorted by key and part whatever the order of `rows`.
///
/// Columns, in this order: `schema_version`, those of [`Key`](isoscope_core::result::Key), `part`, `value` (null where
/// `status` is not `ok`), `status`, `std_err` (null where none was estimated), `std_err_kind` (how
/// it was estimated), `n`.
///
/// # Errors
/// A value or standard error that is not finite, a null without a reason, or a count that does not fit its column.
pub fn measurements_parquet(rows: &[Measurement]) -> Result<Vec<u8>, ResultError> {
    for row in rows {
        finite("value", &row.key, row.value)?;
        finite("std_err", &row.key, row.std_err)?;
        explained(&row.key, row.value, &row.status)?;
    }
    let mut rows: Vec<&Measurement> = rows.iter().collect();
    rows.sort_by(|a, b| {
        let rest = |row: &Measurement| (bits(row.value), bits(row.std_err), row.n);
        let ends = || rest(a).cmp(&rest(b)).then_with(|| a.status.cmp(&b.status));
        a.key.cmp(&b.key).then_with(|| a.part.cmp(&b.part)).then_with(ends)
    });
    let mut columns = Columns::of_keys(&rows.iter().map(|row| &row.key).collect::<Vec<_>>())?;
    columns.strings("part", rows.iter().map(|row| row.part.as_str()));
    columns.numbers("value", rows.iter().map(|row| row.value));
    columns.strings("status", rows.iter().map(|row| row.status.as_str()));
    columns.numbers("std_err", rows.iter().map(|row| row.std_err));
    columns.strings("std_err_kind", rows.iter().map(|row| row.std_err_kind.as_str()));
    columns.counts("n", rows.iter().map(|row| row.n))?;
    to_parquet(&columns.finish()?)
}
