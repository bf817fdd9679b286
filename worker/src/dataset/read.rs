//! Ranges of rows, read without what precedes them.

use super::conllu::Word;
use super::fields::fields;
use super::parts::{Part, parts};
use super::rows::Rows;
use super::source::Source;
use super::{DatasetError, attached, npy, split};
use crate::rows::{Column, Scope, TEST, TRAIN};
use isoscope_core::facts::DatasetFacts;
use isoscope_core::study::{DatasetSpec, Format};
use ndarray::{Array2, Axis, concatenate};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

/// A row of a text dataset.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Row of the dataset, from 0; rows of a training file come first.
    pub index: u64,
    /// One text, or the two of a sentence pair, in the order of the study's `text`. A text may be empty.
    pub texts: Vec<String>,
    /// Gold score, finite; `None` when the dataset has none.
    pub gold: Option<f64>,
    /// What the row takes along beside them: label, part and carried fields as far as the study names them, in this order.
    /// `None` is a missing value. Of a `conllu` file the words have them.
    pub fields: Vec<Option<String>>,
    /// Words of a `conllu` file.
    pub words: Vec<Word>,
}

/// Reads the rows `rows` (half open) of a surveyed text dataset.
///
/// Reads the header line of a file, if there is one, then from the last indexed row at or before the range: at most
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
    check_range(spec, facts, base, &rows)?;
    let mut read = Vec::with_capacity((rows.end - rows.start) as usize);
    for part in parts(spec, facts) {
        let share = part.share(&rows);
        if !share.is_empty() {
            read_part(spec, facts.format, base, &part, share, &mut read)?;
        }
    }
    if let Some(gold) = read_attached(spec, facts, base, &rows, |name| name == "gold")?.get("gold") {
        for (i, row) in read.iter_mut().enumerate() {
            row.gold = gold.f64(i);
        }
    }
    Ok(read)
}

fn read_part(
    spec: &DatasetSpec,
    format: Format,
    base: &Path,
    part: &Part<'_>,
    share: Range<u64>,
    into: &mut Vec<Row>,
) -> Result<(), DatasetError> {
    let source = Source::open(part.file, base)?;
    source.seek(source.start.byte)?;
    let header = Rows::begin(spec, format, &source.path, &source.file, source.start, source.len)?;
    let ended =
        |row: u64| DatasetError::Changed { path: source.path.clone(), what: format!("row {row} is gone") };
    let (first, place) = part.index.at_or_before(share.start).ok_or_else(|| ended(share.start))?;
    source.seek(place.byte)?;
    let mut reader = header.resume(&source.file, place, source.len);
    for row in first..share.end {
        let (_, content) = reader.next_row()?.ok_or_else(|| ended(row))?;
        if row >= share.start {
            let index = part.rows.start + row;
            let (fields, words) = (content.fields, content.words);
            into.push(Row { index, texts: content.texts, gold: content.gold, fields, words });
        }
    }
    Ok(())
}

/// Makes the columns of the rows `rows` (half open): one entry a row of the dataset. `read` are those rows of a text
/// dataset, nothing for a matrix. A row whose `split` is missing belongs to no part and is to be left out.
///
/// The gold score of a text row stands in the row itself.
///
/// # Errors
/// An attached file that cannot be read or is no longer what was surveyed.
pub fn read_columns(
    spec: &DatasetSpec,
    facts: &DatasetFacts,
    base: &Path,
    rows: Range<u64>,
    read: &[Row],
) -> Result<BTreeMap<String, Column>, DatasetError> {
    let is_text = facts.format != Format::Npy;
    let mut columns = read_attached(spec, facts, base, &rows, |name| !(is_text && name == "gold"))?;
    if is_text && facts.format != Format::Conllu {
        for (i, field) in fields(spec, facts.format).iter().enumerate() {
            let texts = read.iter().map(|row| row.fields.get(i)?.as_deref());
            columns.insert(field.name.to_owned(), Column::of_texts(texts, Scope::Sentence));
        }
    }
    let part = |row: u64| Some(if row < facts.train_rows { TRAIN } else { TEST });
    let parts = match columns.get("split") {
        Some(written) => {
            let parts = (0..written.len()).map(|i| written.text(i).and_then(split::part));
            Some(Column::of_texts(parts, Scope::Sentence))
        }
        None if spec.train.is_some() => Some(Column::of_texts(rows.map(part), Scope::Sentence)),
        None => None,
    };
    columns.extend(parts.map(|column| ("split".to_owned(), column)));
    Ok(columns)
}

/// Reads one attached column of the rows `rows` (half open); `None` when the dataset has no such column in a file of its own.
///
/// # Errors
/// An attached file that cannot be read or is no longer what was surveyed.
pub fn read_column(
    spec: &DatasetSpec,
    facts: &DatasetFacts,
    base: &Path,
    rows: &Range<u64>,
    name: &str,
) -> Result<Option<Column>, DatasetError> {
    Ok(read_attached(spec, facts, base, rows, |known| known == name)?.remove(name))
}

fn read_attached(
    spec: &DatasetSpec,
    facts: &DatasetFacts,
    base: &Path,
    rows: &Range<u64>,
    wanted: impl Fn(&str) -> bool,
) -> Result<BTreeMap<String, Column>, DatasetError> {
    let mut columns = BTreeMap::new();
    for known in facts.attached.iter().filter(|known| wanted(&known.name)) {
        if let Some(file) = spec.attach.get(&known.name) {
            columns.insert(known.name.clone(), attached::read(known, file, base, rows.clone())?);
        }
    }
    Ok(columns)
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
    if facts.format != Format::Npy {
        let (path, format) = (base.join(&spec.source), facts.format.name());
        return Err(DatasetError::WrongKind { path, format, wanted: "matrix" });
    }
    check_range(spec, facts, base, &rows)?;
    let mut read = Vec::new();
    for part in parts(spec, facts) {
        let share = part.share(&rows);
        if share.is_empty() {
            continue;
        }
        let source = Source::open(part.file, base)?;
        let header = npy::checked_header(&source)?;
        if (header.rows, Some(header.cols)) != (part.rows.end - part.rows.start, facts.width) {
            let what = format!("the matrix now is {}×{}", header.rows, header.cols);
            return Err(DatasetError::Changed { path: source.path, what });
        }
        read.push(npy::read_rows(&source, &header, share)?);
    }
    let views: Vec<_> = read.iter().map(|rows| rows.view()).collect();
    match read.len() {
        0 => Ok(Array2::zeros((0, facts.width.unwrap_or_default() as usize))),
        1 => Ok(read.remove(0)),
        _ => concatenate(Axis(0), &views).map_err(|e| DatasetError::Changed {
            path: base.join(&spec.source),
            what: format!("its parts no longer fit: {e}"),
        }),
    }
}

fn check_range(
    spec: &DatasetSpec,
    facts: &DatasetFacts,
    base: &Path,
    rows: &Range<u64>,
) -> Result<(), DatasetError> {
    if rows.start > rows.end || rows.end > facts.rows {
        let (path, rows, have) = (base.join(&spec.source), rows.clone(), facts.rows);
        return Err(DatasetError::OutOfRange { path, rows, have });
    }
    Ok(())
}
