//! Measurements as JSON.

use super::record::Record;
use anyhow::Result;
use isoscope_core::result::Measurement;

/// Writes measurements as an array of objects, in the order given; a null value is `null`. Numbers read back exactly.
/// The text has no line feed at its end.
///
/// # Errors
/// Never in practice: these fields can all be written.
pub(crate) fn json(rows: &[Measurement]) -> Result<String> {
    let records: Vec<Record<'_>> = rows.iter().map(Record::from).collect();
    Ok(serde_json::to_string_pretty(&records)?)
}
