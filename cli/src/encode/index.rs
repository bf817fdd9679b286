//! `index.parquet`: what is known of every row of the layer files, in their order.

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow_schema::{Field, Schema};
use isoscope_core::facts::ColumnType;
use isoscope_worker::encode::FilesError;
use isoscope_worker::rows::{Column, Columns};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

/// Name of the file.
pub(super) const FILE: &str = "index.parquet";
/// Columns of the file that no study knows, so that a dataset may have fields of these names.
pub(super) const OWN: [&str; 5] = ["dataset_row", "side", "token", "word_place", "pooling"];

/// Rows in a row group: what is held in memory.
const ROW_GROUP: usize = 1 << 16;

/// The index while it grows.
pub(super) struct Index {
    writer: Option<ArrowWriter<File>>,
    file: Option<File>,
    sides: i64,
    /// How sentences are pooled; empty for other rows.
    pooling: String,
}

impl Index {
    /// Begins the file; `sides` are the texts in a row of the dataset, `pooling` says how sentences are pooled, if rows are some.
    pub(super) fn create(folder: &Path, sides: u32, pooling: String) -> Result<Self, FilesError> {
        let file = File::create_new(folder.join(FILE))?;
        Ok(Self { writer: None, file: Some(file), sides: i64::from(sides.max(1)), pooling })
    }

    /// Appends rows, the first of which is number `first`; `token` spells an id.
    pub(super) fn append(
        &mut self,
        first: u64,
        columns: &Columns,
        token: &dyn Fn(u32) -> Option<String>,
    ) -> Result<(), FilesError> {
        let mut named = named(first, columns, self.sides, token);
        if !self.pooling.is_empty() {
            let pooling = vec![self.pooling.as_str(); columns.len()];
            named.push(("pooling", Arc::new(StringArray::from(pooling))));
        }
        // A value that is missing in some batch must not change the type of its column.
        let field = |(name, array): &(&str, ArrayRef)| Field::new(*name, array.data_type().clone(), true);
        let schema = Arc::new(Schema::new(named.iter().map(field).collect::<Vec<_>>()));
        let arrays = named.into_iter().map(|(_, array)| array).collect();
        let writer = match (&mut self.writer, self.file.take()) {
            (Some(writer), _) => writer,
            (none, Some(file)) => none.insert(begin(file, Arc::clone(&schema))?),
            (None, None) => return Err("the index has ended".into()),
        };
        Ok(writer.write(&RecordBatch::try_new(schema, arrays)?)?)
    }

    /// Ends the file, and sees to it that everything is on the disk.
    pub(super) fn finish(self) -> Result<(), FilesError> {
        match self.writer {
            Some(writer) => Ok(writer.into_inner()?.sync_all()?),
            None => Ok(()),
        }
    }
}

fn begin(file: File, schema: Arc<Schema>) -> Result<ArrowWriter<File>, FilesError> {
    let properties = WriterProperties::builder()
        .set_created_by("isoscope".to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_max_row_group_row_count(Some(ROW_GROUP))
        .build();
    let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
    Ok(ArrowWriter::try_new_with_options(file, schema, options)?)
}

/// The columns with their names, in the order of the file.
fn named<'a>(
    first: u64,
    columns: &'a Columns,
    sides: i64,
    token: &dyn Fn(u32) -> Option<String>,
) -> Vec<(&'a str, ArrayRef)> {
    let numbers = |values: Vec<i64>| -> ArrayRef { Arc::new(Int64Array::from(values)) };
    let mut named = vec![
        ("row", numbers((first..).take(columns.len()).map(|row| row as i64).collect())),
        ("dataset_row", numbers(columns.sentence.iter().map(|sentence| sentence / sides).collect())),
    ];
    if sides > 1 {
        named.push(("side", numbers(columns.sentence.iter().map(|sentence| sentence % sides).collect())));
    }
    named.push(("sentence", numbers(columns.sentence.clone())));
    if !columns.token_id.is_empty() {
        let tokens: Vec<Option<String>> = columns.token_id.iter().map(|&id| token(id as u32)).collect();
        named.push(("token_id", numbers(columns.token_id.clone())));
        named.push(("token", Arc::new(StringArray::from(tokens))));
    }
    if !columns.position.is_empty() {
        named.push(("position", numbers(columns.position.clone())));
    }
    if !columns.token_id.is_empty() && !columns.word_place.is_empty() {
        named.push(("word_place", numbers(columns.word_place.clone())));
    }
    if !columns.gold.is_empty() {
        named.push(("gold", Arc::new(Float64Array::from(columns.gold.clone()))));
    }
    named.extend(columns.more.iter().map(|(name, column)| (name.as_str(), array(column))));
    named
}

fn array(column: &Column) -> ArrayRef {
    let rows = 0..column.len();
    match column.values() {
        ColumnType::I64 => Arc::new(rows.map(|i| column.i64(i)).collect::<Int64Array>()),
        ColumnType::F64 => Arc::new(rows.map(|i| column.f64(i)).collect::<Float64Array>()),
        ColumnType::Text => Arc::new(rows.map(|i| column.text(i)).collect::<StringArray>()),
    }
}
