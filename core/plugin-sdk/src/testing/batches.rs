//! Batches that own their rows and columns.

use ndarray::Array2;

use crate::Batch;
use crate::column::{Column, Values};

/// A batch that owns its buffers; [`OwnedBatch::view`] gives what an op reads.
#[derive(Debug, Clone)]
pub struct OwnedBatch {
    views: Vec<Array2<f64>>,
    columns: Vec<OwnedColumn>,
    first_row: u64,
}

#[derive(Debug, Clone)]
struct OwnedColumn {
    name: String,
    values: OwnedValues,
    validity: Option<Vec<u8>>,
}

#[derive(Debug, Clone)]
enum OwnedValues {
    I64(Vec<i64>),
    F64(Vec<f64>),
    Utf8 { offsets: Vec<i32>, bytes: Vec<u8> },
}

/// Makes a batch of one view, n×d.
#[must_use]
pub fn batch_of(rows: &Array2<f64>) -> OwnedBatch {
    batch_of_views(&[rows])
}

/// Makes a batch of row-aligned views, n×d each.
///
/// # Panics
/// When the views differ in their numbers of rows.
#[must_use]
pub fn batch_of_views(views: &[&Array2<f64>]) -> OwnedBatch {
    assert!(views.windows(2).all(|pair| pair[0].nrows() == pair[1].nrows()), "views are row-aligned");
    OwnedBatch { views: views.iter().map(|&view| view.clone()).collect(), columns: Vec::new(), first_row: 0 }
}

impl OwnedBatch {
    /// Sets the global index of row 0.
    #[must_use]
    pub const fn first_row(mut self, first_row: u64) -> Self {
        self.first_row = first_row;
        self
    }

    /// Adds a column of whole numbers; `None` is a missing value.
    ///
    /// # Panics
    /// When there are not as many values as rows. So do the other columns.
    #[must_use]
    pub fn i64s(self, name: &str, values: &[Option<i64>]) -> Self {
        let raw = values.iter().map(|value| value.unwrap_or(0)).collect();
        self.column(name, OwnedValues::I64(raw), values.iter().map(Option::is_some))
    }

    /// Adds a column of floats; `None` is a missing value.
    #[must_use]
    pub fn f64s(self, name: &str, values: &[Option<f64>]) -> Self {
        let raw = values.iter().map(|value| value.unwrap_or(0.0)).collect();
        self.column(name, OwnedValues::F64(raw), values.iter().map(Option::is_some))
    }

    /// Adds a column of strings; `None` is a missing value.
    #[must_use]
    pub fn strings(self, name: &str, values: &[Option<&str>]) -> Self {
        let mut offsets = vec![0];
        let mut bytes = Vec::new();
        for value in values {
            bytes.extend_from_slice(value.unwrap_or("").as_bytes());
            // Beyond the range of Arrow's offsets the column reads back as malformed.
            offsets.push(i32::try_from(bytes.len()).unwrap_or(i32::MAX));
        }
        self.column(name, OwnedValues::Utf8 { offsets, bytes }, values.iter().map(Option::is_some))
    }

    fn column(
        mut self,
        name: &str,
        values: OwnedValues,
        present: impl ExactSizeIterator<Item = bool>,
    ) -> Self {
        assert_eq!(present.len(), self.rows().nrows(), "a column has as many values as the batch has rows");
        let mut bits = vec![0_u8; present.len().div_ceil(8)];
        let mut missing = false;
        for (row, present) in present.enumerate() {
            missing |= !present;
            bits[row / 8] |= u8::from(present) << (row % 8);
        }
        let validity = missing.then_some(bits);
        self.columns.push(OwnedColumn { name: name.to_owned(), values, validity });
        self
    }

    /// Returns the rows of view 0.
    #[must_use]
    pub fn rows(&self) -> &Array2<f64> {
        &self.views[0]
    }

    /// Returns the widths of the views.
    #[must_use]
    pub fn cols(&self) -> Vec<usize> {
        self.views.iter().map(Array2::ncols).collect()
    }

    /// Views the batch as an op reads it.
    #[must_use]
    pub fn view(&self) -> Batch<'_> {
        let columns = self.columns.iter().map(|column| Column {
            name: &column.name,
            values: match &column.values {
                OwnedValues::I64(values) => Values::I64(values),
                OwnedValues::F64(values) => Values::F64(values),
                OwnedValues::Utf8 { offsets, bytes } => Values::Utf8 { offsets, bytes },
            },
            validity: column.validity.as_deref(),
        });
        Batch {
            views: self.views.iter().map(|view| view.view()).collect(),
            columns: columns.collect(),
            first_row: self.first_row,
            len: self.rows().nrows(),
        }
    }
}
