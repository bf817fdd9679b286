//! A few columns of a row at a time, for sums that the compiler keeps in vector registers.

/// Columns taken at a time.
pub(super) const LANES: usize = 8;

/// The columns of a row from `from` on; zeros behind the last.
#[inline(always)]
#[allow(clippy::inline_always)] // only an inlined body is compiled for the caller's instruction set
pub(super) fn columns(row: &[f64], from: usize) -> [f64; LANES] {
    if let Some(columns) = row[from..].first_chunk::<LANES>() {
        return *columns;
    }
    let mut columns = [0.0; LANES];
    for (column, x) in columns.iter_mut().zip(&row[from..]) {
        *column = *x;
    }
    columns
}
