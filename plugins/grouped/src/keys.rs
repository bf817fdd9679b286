//! Columns whose values are the keys of groups.

use std::borrow::Cow;

use isoscope_plugin_sdk::prelude::*;

/// A column of keys: strings as they are, whole numbers in decimal.
pub(crate) enum Keys<'a> {
    Text(StringColumn<'a>),
    Whole(I64Column<'a>),
}

impl<'a> Keys<'a> {
    /// Reads a column of a batch.
    ///
    /// # Errors
    /// [`Error::Invalid`] when there is no such column, or it holds floats, which are no keys.
    pub(crate) fn read(batch: &Batch<'a>, name: &str) -> Result<Self> {
        batch.strings(name).map(Self::Text).or_else(|error| match batch.i64s(name) {
            Ok(numbers) => Ok(Self::Whole(numbers)),
            Err(_) => Err(error),
        })
    }

    /// Returns the key of a row; `None` when it has none.
    pub(crate) fn get(&self, row: usize) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(column) => column.get(row).map(Cow::Borrowed),
            Self::Whole(column) => column.get(row).map(|number| Cow::Owned(number.to_string())),
        }
    }
}

/// Reads the global id of every row: the column `row`, else the places after the first row of the batch.
pub(crate) fn row_ids(batch: &Batch<'_>) -> Vec<u64> {
    let ids = batch.i64s("row").ok();
    let id = |i: usize| ids.and_then(|ids| ids.get(i)).map(i64::cast_unsigned);
    (0..batch.len()).map(|i| id(i).unwrap_or(batch.first_row() + i as u64)).collect()
}
