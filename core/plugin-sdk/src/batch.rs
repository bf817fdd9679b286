//! A batch of rows: one view or two, and the columns beside them.

use ndarray::ArrayView2;

use crate::column::{Column, F64Column, I64Column, StringColumn};
use crate::{Error, Result};

/// A batch of rows, borrowed for the call.
#[derive(Debug, Clone)]
pub struct Batch<'a> {
    pub(crate) views: Vec<ArrayView2<'a, f64>>,
    pub(crate) columns: Vec<Column<'a>>,
    pub(crate) first_row: u64,
    pub(crate) len: usize,
}

impl<'a> Batch<'a> {
    /// Returns the rows of view 0, n×d.
    #[must_use]
    pub fn rows(&self) -> ArrayView2<'a, f64> {
        self.view(0)
    }

    /// Returns the rows of a view, n×d; an op of two views has views 0 and 1, row-aligned.
    ///
    /// # Panics
    /// When there is no view `index`; the host gives as many views as the op's metadata says.
    #[must_use]
    pub fn view(&self, index: usize) -> ArrayView2<'a, f64> {
        self.views[index]
    }

    /// Returns the number of views.
    #[must_use]
    pub fn views(&self) -> usize {
        self.views.len()
    }

    /// Returns the number of rows.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Returns whether there are no rows.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns the global index of row 0: seed randomness with it, never with the shard.
    #[must_use]
    pub const fn first_row(&self) -> u64 {
        self.first_row
    }

    /// Returns whether there is a column of this name.
    #[must_use]
    pub fn has_column(&self, name: &str) -> bool {
        self.columns.iter().any(|column| column.name == name)
    }

    /// Reads a column of whole numbers.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there is no such column or it has another type.
    pub fn i64s(&self, name: &str) -> Result<I64Column<'a>> {
        self.column(name)?.i64s()
    }

    /// Reads a column of floats.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there is no such column or it has another type.
    pub fn f64s(&self, name: &str) -> Result<F64Column<'a>> {
        self.column(name)?.f64s()
    }

    /// Reads a column of strings.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there is no such column, it has another type, or it is not UTF-8.
    pub fn strings(&self, name: &str) -> Result<StringColumn<'a>> {
        self.column(name)?.strings()
    }

    fn column(&self, name: &str) -> Result<&Column<'a>> {
        self.columns.iter().find(|column| column.name == name).ok_or_else(|| {
            let names: Vec<_> = self.columns.iter().map(|column| column.name).collect();
            Error::Invalid(format!("the rows have no column \"{name}\"; they have [{}]", names.join(", ")))
        })
    }
}
