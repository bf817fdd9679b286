//! `differences.parquet`.

use super::ResultError;
use super::columns::{Columns, explained, finite};
use super::file::to_parquet;
use isoscope_core::result::Difference;

/// Writes differences as a Parquet file: one row a difference, sorted by key, part and kind whatever the order of `rows`.
///
/// Columns, in this order: `schema_version`, those of [`Key`](isoscope_core::result::Key), which are those of the value that the
/// baseline's is taken from, `part`, `kind` (`model` or `space`), `baseline` (name of the encoder or of the space), `difference`,
/// `std_err`, `z`, `p`, `p_holm` (null where `status` is not `ok`; `difference` may be known even then), `blocks`, `status`.
///
/// # Errors
/// A number that is not finite, a null without a reason, or a count that does not fit its column.
pub fn differences_parquet(rows: &[Difference]) -> Result<Vec<u8>, ResultError> {
    for row in rows {
        let numbers = [
            ("difference", row.difference),
            ("std_err", row.std_err),
            ("z", row.z),
            ("p", row.p),
            ("p_holm", row.p_holm),
        ];
        for (name, number) in numbers {
            finite(name, &row.key, number)?;
        }
        explained(&row.key, row.difference.and(row.p_holm), &row.status)?;
    }
    let mut rows: Vec<&Difference> = rows.iter().collect();
    rows.sort_by(|a, b| (&a.key, &a.part, a.kind).cmp(&(&b.key, &b.part, b.kind)));
    let mut columns = Columns::of_keys(&rows.iter().map(|row| &row.key).collect::<Vec<_>>())?;
    columns.strings("part", rows.iter().map(|row| row.part.as_str()));
    columns.strings("kind", rows.iter().map(|row| row.kind.name()));
    columns.strings("baseline", rows.iter().map(|row| row.baseline.as_str()));
    columns.numbers("difference", rows.iter().map(|row| row.difference));
    columns.numbers("std_err", rows.iter().map(|row| row.std_err));
    columns.numbers("z", rows.iter().map(|row| row.z));
    columns.numbers("p", rows.iter().map(|row| row.p));
    columns.numbers("p_holm", rows.iter().map(|row| row.p_holm));
    columns.integers("blocks", rows.iter().map(|row| row.blocks))?;
    columns.strings("status", rows.iter().map(|row| row.status.as_str()));
    to_parquet(&columns.finish()?)
}
