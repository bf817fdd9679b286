//! Layer files in Parquet, whose rows are written one after the other.

use arrow_array::{ArrayRef, FixedSizeListArray, Float32Array, Int64Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema};
use isoscope_worker::encode::FilesError;
use ndarray::ArrayView2;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// Bytes of vectors in a row group: what a writer holds for each layer.
const ROW_GROUP_BYTES: usize = 4 << 20;

/// One layer in a table of its own, with the columns `row` and `vector`.
pub(super) struct Table {
    schema: Arc<Schema>,
    item: Arc<Field>,
    width: i32,
    state: Mutex<State>,
    moved: Condvar,
}

struct State {
    writer: ArrowWriter<File>,
    /// The row that is written next.
    next: u64,
    /// The first row that will never come.
    given_up: Option<u64>,
}

impl State {
    /// Whether what goes before a row will never be whole.
    fn lacks_rows_before(&self, first: u64) -> bool {
        self.given_up.is_some_and(|missing| missing < first)
    }
}

impl Table {
    /// Begins the file of the layer `name`, whose rows have `width` values.
    pub(super) fn create(folder: &Path, name: &str, width: u32) -> Result<Self, FilesError> {
        let file = File::create_new(folder.join(format!("{name}.parquet")))?;
        let item = Arc::new(Field::new("item", DataType::Float32, false));
        let width = i32::try_from(width)?;
        let vector = DataType::FixedSizeList(Arc::clone(&item), width);
        let schema =
            Schema::new(vec![Field::new("row", DataType::Int64, false), Field::new("vector", vector, false)]);
        let schema = Arc::new(schema);
        let rows = ROW_GROUP_BYTES / (size_of::<f32>() * width.max(1) as usize);
        // Floats neither repeat nor shrink, and their ranges answer no question.
        let properties = WriterProperties::builder()
            .set_created_by("isoscope".to_owned())
            .set_dictionary_enabled(false)
            .set_statistics_enabled(EnabledStatistics::None)
            .set_max_row_group_row_count(Some(rows.max(1)))
            .build();
        let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(file, Arc::clone(&schema), options)?;
        let state = Mutex::new(State { writer, next: 0, given_up: None });
        Ok(Self { schema, item, width, state, moved: Condvar::new() })
    }

    /// Waits until all rows before `first` are written, and writes these; they are few, for their batches were begun before.
    pub(super) fn write(&self, first: u64, rows: ArrayView2<'_, f32>) -> Result<(), FilesError> {
        let numbers = (first..).take(rows.nrows()).map(|row| row as i64);
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(numbers));
        let values: ArrayRef = Arc::new(Float32Array::from_iter_values(rows.iter().copied()));
        let vectors = FixedSizeListArray::try_new(Arc::clone(&self.item), self.width, values, None)?;
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), vec![numbers, Arc::new(vectors)])?;
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let early = |state: &mut State| state.next != first && !state.lacks_rows_before(first);
        let mut state = self.moved.wait_while(state, early).unwrap_or_else(PoisonError::into_inner);
        if state.lacks_rows_before(first) {
            return Err("rows before these are missing".into());
        }
        state.writer.write(&batch)?;
        state.next = first + rows.nrows() as u64;
        self.moved.notify_all();
        Ok(())
    }

    /// Lets nobody wait for the rows from `first` on, which will never come.
    pub(super) fn give_up(&self, first: u64) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.given_up = Some(state.given_up.map_or(first, |known| known.min(first)));
        drop(state);
        self.moved.notify_all();
    }

    /// Ends the file, and sees to it that everything is on the disk.
    pub(super) fn finish(self) -> Result<(), FilesError> {
        let state = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        Ok(state.writer.into_inner()?.sync_all()?)
    }
}
