//! The columns that say which part a row belongs to and which class it has.

use std::borrow::Cow;

use isoscope_plugin_sdk::prelude::*;

/// Part of the dataset that a row belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// Probes are trained on it.
    Train,
    /// Probes are judged on it.
    Test,
}

impl Side {
    /// Reads a value of the column `split`; any other text belongs to neither part.
    pub(crate) fn named(text: Option<&str>) -> Option<Self> {
        match text {
            Some("train") => Some(Self::Train),
            Some("test") => Some(Self::Test),
            _ => None,
        }
    }
}

/// A column of keys: texts, or whole numbers that are read as their decimal text.
pub(crate) enum KeyColumn<'a> {
    Text(StringColumn<'a>),
    Whole(I64Column<'a>),
}

impl<'a> KeyColumn<'a> {
    /// Finds a column of a batch.
    ///
    /// # Errors
    /// Refuses a batch without the column, and a column of floats.
    pub(crate) fn of(batch: &Batch<'a>, name: &str) -> Result<Self> {
        match batch.strings(name) {
            Ok(column) => Ok(Self::Text(column)),
            Err(error) => batch.i64s(name).map(Self::Whole).map_err(|_| error),
        }
    }

    /// Returns the key of a row; `None` when it is missing.
    pub(crate) fn get(&self, row: usize) -> Option<Cow<'a, str>> {
        match self {
            Self::Text(column) => column.get(row).map(Cow::Borrowed),
            Self::Whole(column) => column.get(row).map(|number| Cow::Owned(number.to_string())),
        }
    }
}

/// A row that has a part and every key.
pub(crate) struct Keyed<'a> {
    /// Place of the row in its batch.
    pub(crate) row: usize,
    pub(crate) side: Side,
    /// One key for each of the columns asked for.
    pub(crate) keys: Vec<Cow<'a, str>>,
}

/// Reads the part and the keys of the rows of a batch. Rows without a part or a key are left out.
///
/// # Errors
/// As [`KeyColumn::of`].
pub(crate) fn keyed<'a>(batch: &Batch<'a>, columns: &[&str]) -> Result<Vec<Keyed<'a>>> {
    let split = batch.strings("split")?;
    let columns = columns.iter().map(|name| KeyColumn::of(batch, name)).collect::<Result<Vec<_>>>()?;
    let read = |row: usize| {
        let side = Side::named(split.get(row))?;
        let keys = columns.iter().map(|column| column.get(row)).collect::<Option<Vec<_>>>()?;
        Some(Keyed { row, side, keys })
    };
    Ok((0..batch.len()).filter_map(read).collect())
}
