//! Columns of the rows' metadata.

use crate::{Error, Result};

/// A column as the host gave it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column<'a> {
    pub(crate) name: &'a str,
    pub(crate) values: Values<'a>,
    pub(crate) validity: Option<&'a [u8]>,
}

/// Values of a column by type.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Values<'a> {
    I64(&'a [i64]),
    F64(&'a [f64]),
    Utf8 { offsets: &'a [i32], bytes: &'a [u8] },
}

impl<'a> Column<'a> {
    pub(crate) fn i64s(&self) -> Result<I64Column<'a>> {
        match self.values {
            Values::I64(values) => Ok(I64Column { values, validity: self.validity }),
            _ => Err(self.other_type("whole numbers")),
        }
    }

    pub(crate) fn f64s(&self) -> Result<F64Column<'a>> {
        match self.values {
            Values::F64(values) => Ok(F64Column { values, validity: self.validity }),
            _ => Err(self.other_type("floats")),
        }
    }

    pub(crate) fn strings(&self) -> Result<StringColumn<'a>> {
        let Values::Utf8 { offsets, bytes } = self.values else {
            return Err(self.other_type("strings"));
        };
        let broken = || Error::Invalid(format!("column \"{}\" is not well-formed UTF-8", self.name));
        let text = core::str::from_utf8(bytes).map_err(|_| broken())?;
        let cut = |&offset: &i32| usize::try_from(offset).is_ok_and(|at| text.is_char_boundary(at));
        if !offsets.is_sorted() || !offsets.iter().all(cut) {
            return Err(broken());
        }
        Ok(StringColumn { offsets, text, validity: self.validity })
    }

    fn other_type(&self, wanted: &str) -> Error {
        let found = match self.values {
            Values::I64(_) => "whole numbers",
            Values::F64(_) => "floats",
            Values::Utf8 { .. } => "strings",
        };
        Error::Invalid(format!("column \"{}\" holds {found}, not {wanted}", self.name))
    }
}

/// Reads a bit of an Arrow validity bitmap, least significant first.
fn is_valid(validity: Option<&[u8]>, row: usize) -> bool {
    validity.is_none_or(|bits| bits.get(row / 8).is_some_and(|byte| byte >> (row % 8) & 1 == 1))
}

macro_rules! plain_column {
    ($name:ident, $type:ty, $what:literal) => {
        #[doc = concat!("A column of ", $what, ".")]
        #[derive(Debug, Clone, Copy)]
        pub struct $name<'a> {
            values: &'a [$type],
            validity: Option<&'a [u8]>,
        }

        impl<'a> $name<'a> {
            /// Returns the value of a row; `None` when it is missing or there is no such row.
            #[must_use]
            pub fn get(&self, row: usize) -> Option<$type> {
                self.values.get(row).copied().filter(|_| is_valid(self.validity, row))
            }

            /// Returns the raw values; where a value is missing the number means nothing.
            #[must_use]
            pub const fn values(&self) -> &'a [$type] {
                self.values
            }

            /// Returns the number of rows.
            #[must_use]
            pub const fn len(&self) -> usize {
                self.values.len()
            }

            /// Returns whether there are no rows.
            #[must_use]
            pub const fn is_empty(&self) -> bool {
                self.values.is_empty()
            }
        }
    };
}

plain_column!(I64Column, i64, "whole numbers");
plain_column!(F64Column, f64, "floats");

/// A column of strings.
#[derive(Debug, Clone, Copy)]
pub struct StringColumn<'a> {
    offsets: &'a [i32],
    text: &'a str,
    validity: Option<&'a [u8]>,
}

impl<'a> StringColumn<'a> {
    /// Returns the value of a row; `None` when it is missing or there is no such row.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<&'a str> {
        if !is_valid(self.validity, row) {
            return None;
        }
        let start = usize::try_from(*self.offsets.get(row)?).ok()?;
        let end = usize::try_from(*self.offsets.get(row + 1)?).ok()?;
        self.text.get(start..end)
    }

    /// Returns the number of rows.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// Returns whether there are no rows.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
