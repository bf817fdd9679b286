//! The Parquet file around a table.

use super::{ResultError, SCHEMA_VERSION};
use arrow_array::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

/// Level at which these columns, repeated strings for the most part, no longer shrink.
const ZSTD_LEVEL: i32 = 3;

/// Writes a table as a Parquet file whose bytes depend on the table alone.
pub(super) fn to_parquet(table: &RecordBatch) -> Result<Vec<u8>, ResultError> {
    let properties = WriterProperties::builder()
        .set_created_by("isoscope".to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_key_value_metadata(Some(vec![KeyValue::new(
            "isoscope.schema".to_owned(),
            SCHEMA_VERSION.to_string(),
        )]))
        .build();
    // Parquet's own types say all that there is to say; the copy of the arrow schema would tie the bytes to arrow's version.
    let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new_with_options(&mut bytes, table.schema(), options)?;
    writer.write(table)?;
    writer.close()?;
    Ok(bytes)
}
