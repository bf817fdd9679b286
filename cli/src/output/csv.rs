//! Measurements as comma-separated values.

use super::record::Record;
use anyhow::Result;
use csv::WriterBuilder;
use isoscope_core::result::Measurement;

/// Writes measurements as lines below a header, in the order given; a null value is an empty field. Numbers read back
/// exactly.
///
/// # Errors
/// Never in practice: these fields can all be written.
pub(crate) fn csv(rows: &[Measurement]) -> Result<String> {
    // The header is written here, because serde writes none where there is no row.
    let mut writer = WriterBuilder::new().has_headers(false).from_writer(Vec::new());
    writer.write_record(Record::FIELDS)?;
    for row in rows {
        writer.serialize(Record::from(row))?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}
