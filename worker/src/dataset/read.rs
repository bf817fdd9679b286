//! Ranges of rows, read without what precedes them.

use super::DatasetError;
use super::npy;
use super::rows::Rows;
use super::source::{Source, format_name};
use isoscope_core::facts::DatasetFacts;
use isoscope_core::study::{DatasetSpec, Format};
use ndarray::Array2;
use std::ops::Range;
use std::path::Path;

/// A row of a text dataset.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Row of the dataset, from 0.
    pub index: u64,
    /// One text, or the two of a sentence pair, in the order of the study's `text`. A text may be empty.
    pub texts: Vec<String>,
    /// Gold score, finite; `None` when the dataset has none.
    pub gold: Option<f64>,
}

/// Reads the rows `rows` (half open) of a surveyed text dataset.
///
/// Reads the header line, if there is one, then from the last indexed row at or before the range: at most
/// `facts.index.stride - 1` rows more than asked for.
///
/// # Errors
/// A range beyond the dataset, a matrix instead of text, a file that cannot be read or is no longer what was surveyed.
pub fn read_texts(
    spec: &DatasetSpec,
    facts: &DatasetFacts,
    base: &Path,
    rows: Range<u64>,
) -> Result<Vec<Row>, DatasetError> {
    let source = Source::open(spec, base)?;
    check_range(facts, &source, &rows)?;
    source.seek(source.start.byte)?;
    let header = Rows::begin(spec, facts.format, &source.path, &source.file, source.start, source.len)?;
    let ended =
        |row: u64| DatasetError::Changed { path: source.path.clone(), what: format!("row {row} is gone") };
    let (first, place) = facts.index.at_or_before(rows.start).ok_or_else(|| ended(rows.start))?;
    source.seek(place.byte)?;
    let mut reader = header.resume(&source.file, place, source.len);
    let mut read = Vec::new();
    for row in first..rows.end {
        let (_, content) = reader.next_row()?.ok_or_else(|| ended(row))?;
        if row >= rows.start {
            read.push(Row { index: row, texts: content.texts, gold: content.gold });
        }
    }
    Ok(read)
}

/// Reads the rows `rows` (half open) of a surveyed matrix: k×d, `d` being `facts.width`.
///
/// Both 32- and 64-bit floats become `f64`, which loses nothing.
///
/// # Errors
/// A range beyond the matrix, text instead of a matrix, a file that cannot be read or is no longer what was surveyed.
pub fn read_matrix(
    spec: &DatasetSpec,
    facts: &DatasetFacts,
    base: &Path,
    rows: Range<u64>,
) -> Result<Array2<f64>, DatasetError> {
    let source = Source::open(spec, base)?;
    if facts.format != Format::Npy {
        let format = format_name(facts.format);
        return Err(DatasetError::WrongKind { path: source.path, format, wanted: "matrix" });
    }
    check_range(facts, &source, &rows)?;
    let header = npy::checked_header(&source)?;
    if (header.rows, Some(header.cols)) != (facts.rows, facts.width) {
        let what = format!("the matrix now is {}×{}", header.rows, header.cols);
        return Err(DatasetError::Changed { path: source.path, what });
    }
    npy::read_rows(&source, &header, rows)
}

fn check_range(facts: &DatasetFacts, source: &Source, rows: &Range<u64>) -> Result<(), DatasetError> {
    if rows.start > rows.end || rows.end > facts.rows {
        let (path, rows, have) = (source.path.clone(), rows.clone(), facts.rows);
        return Err(DatasetError::OutOfRange { path, rows, have });
    }
    Ok(())
}
