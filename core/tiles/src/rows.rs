//! Rows that stand in a wider matrix.

/// Rows of `width` values that begin every `stride` values.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a, T> {
    /// The matrix from the first value of the first row to the last of the last one, or further.
    pub values: &'a [T],
    /// From the beginning of a row to that of the next, at least 1.
    pub stride: usize,
    /// Values of a row, at most `stride`.
    pub width: usize,
}

impl<'a, T> Rows<'a, T> {
    /// Rows of `width` values, at least one, that follow each other.
    #[must_use]
    pub fn contiguous(values: &'a [T], width: usize) -> Self {
        Self { values, stride: width, width }
    }

    /// The rows one by one.
    pub fn iter(self) -> impl Iterator<Item = &'a [T]> {
        self.values.chunks(self.stride).map(move |row| &row[..self.width])
    }

    /// How many there are.
    #[must_use]
    pub fn count(self) -> usize {
        self.values.len().div_ceil(self.stride)
    }

    /// The rows in blocks of `count`.
    pub(crate) fn blocks(self, count: usize) -> impl Iterator<Item = Self> {
        self.values.chunks(count * self.stride).map(move |values| Self { values, ..self })
    }
}
