//! Vectors of numbers in NumPy's format: columns of rows in files of their own.

use super::DatasetError;
use super::npy::{NpyError, RawHeader, read_raw};
use super::source::Source;
use std::io::{BufReader, Read as _};
use std::ops::Range;

/// A vector whose header has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Vector {
    element: Element,
    /// Number of values.
    pub(super) len: u64,
    data_start: u64,
}

/// Element types, little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Element {
    Signed(usize),
    Unsigned(usize),
    Float(usize),
}

/// A number of a vector.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Number {
    /// A whole number.
    Whole(i64),
    /// A float, which may be NaN: a missing value.
    Float(f64),
}

impl Vector {
    /// Reads the header of a file and holds the size of the file against it.
    pub(super) fn open(source: &Source) -> Result<Self, DatasetError> {
        let vector = read_raw(&mut &source.file).and_then(|raw| Self::from_header(raw, source.len));
        vector.map_err(|e| DatasetError::Npy { path: source.path.clone(), source: e })
    }

    fn from_header(raw: RawHeader, file: u64) -> Result<Self, NpyError> {
        let dtype = raw.descr.as_string().map(String::as_str).unwrap_or_default();
        let element = match dtype {
            "|b1" | "|u1" => Element::Unsigned(1),
            "<u2" => Element::Unsigned(2),
            "<u4" => Element::Unsigned(4),
            "<u8" => Element::Unsigned(8),
            "|i1" => Element::Signed(1),
            "<i2" => Element::Signed(2),
            "<i4" => Element::Signed(4),
            "<i8" => Element::Signed(8),
            "<f4" => Element::Float(4),
            "<f8" => Element::Float(8),
            _ => return Err(NpyError::VectorDtype { found: raw.descr.to_string() }),
        };
        let (&[len] | &[len, 1]) = raw.shape.as_slice() else {
            return Err(NpyError::NotVector { found: raw.shape });
        };
        let found = file.saturating_sub(raw.data_start);
        match len.checked_mul(element.size() as u64) {
            Some(expected) if expected == found => Ok(Self { element, len, data_start: raw.data_start }),
            Some(expected) => Err(NpyError::Size { expected, found }),
            None => Err(NpyError::NotVector { found: raw.shape }),
        }
    }

    /// Tells whether the values are floats.
    pub(super) fn is_float(&self) -> bool {
        matches!(self.element, Element::Float(_))
    }

    /// Reads a range of values that the vector has.
    pub(super) fn read(&self, source: &Source, rows: Range<u64>) -> Result<Vec<Number>, DatasetError> {
        let size = self.element.size();
        source.seek(self.data_start + rows.start * size as u64)?;
        let mut reader = BufReader::new(&source.file);
        let mut bytes = [0; 8];
        let mut values = Vec::with_capacity((rows.end - rows.start) as usize);
        for _ in rows {
            reader.read_exact(&mut bytes[..size]).map_err(|e| source.unreadable(e))?;
            values.push(self.element.number(bytes));
        }
        Ok(values)
    }
}

impl Element {
    fn size(self) -> usize {
        match self {
            Self::Signed(size) | Self::Unsigned(size) | Self::Float(size) => size,
        }
    }

    /// Widens an element; `bytes` holds it first, and what follows is ignored. Numbers beyond 63 bits become floats.
    fn number(self, bytes: [u8; 8]) -> Number {
        let [a, b, c, d, ..] = bytes;
        match self {
            Self::Float(4) => Number::Float(f64::from(f32::from_le_bytes([a, b, c, d]))),
            Self::Float(_) => Number::Float(f64::from_le_bytes(bytes)),
            Self::Signed(1) => Number::Whole(i64::from(a.cast_signed())),
            Self::Signed(2) => Number::Whole(i64::from(i16::from_le_bytes([a, b]))),
            Self::Signed(4) => Number::Whole(i64::from(i32::from_le_bytes([a, b, c, d]))),
            Self::Signed(_) => Number::Whole(i64::from_le_bytes(bytes)),
            Self::Unsigned(1) => Number::Whole(i64::from(a)),
            Self::Unsigned(2) => Number::Whole(i64::from(u16::from_le_bytes([a, b]))),
            Self::Unsigned(4) => Number::Whole(i64::from(u32::from_le_bytes([a, b, c, d]))),
            Self::Unsigned(_) => {
                let value = u64::from_le_bytes(bytes);
                i64::try_from(value).map_or(Number::Float(value as f64), Number::Whole)
            }
        }
    }
}
