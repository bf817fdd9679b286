//! Attached files: columns of rows that lie in files of their own.

use super::DatasetError;
use super::index::IndexBuilder;
use super::lines::Lines;
use super::source::{Digesting, Source};
use super::split::PartCounts;
use super::vector::{Number, Vector};
use crate::rows::{Column, Scope};
use isoscope_core::facts::{AttachedFacts, ColumnType, RowIndex};
use std::ops::Range;
use std::path::Path;

/// Places kept in the index of an attached file: its lines are short, and a plan may list many files.
const PLACES: usize = 512;

/// What a column may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    /// Whole numbers, one in every row or not.
    Whole { required: bool },
    /// Finite floats, one in every row or not.
    Float { required: bool },
    /// Strings; whole numbers are written in decimal.
    Text,
    /// Whatever the file holds.
    Any,
}

impl Wanted {
    /// The columns whose names have a meaning hold what they hold for text.
    fn by(name: &str) -> Self {
        match name {
            "sentence" | "token_id" | "position" => Self::Whole { required: true },
            "head" => Self::Whole { required: false },
            "gold" => Self::Float { required: true },
            "frequency" => Self::Float { required: false },
            "label" | "word" | "split" => Self::Text,
            _ => Self::Any,
        }
    }

    fn required(self) -> bool {
        matches!(self, Self::Whole { required: true } | Self::Float { required: true })
    }

    /// Type of the column, given that of the file.
    fn resolve(self, file: ColumnType) -> ColumnType {
        match self {
            Self::Whole { .. } => ColumnType::I64,
            Self::Float { .. } => ColumnType::F64,
            Self::Text => ColumnType::Text,
            Self::Any => file,
        }
    }
}

/// An attached file as surveyed.
pub(super) struct Survey {
    pub(super) facts: AttachedFacts,
    pub(super) digest: String,
    /// Values in the file.
    pub(super) values: u64,
    /// Rows of each part, if the column is `split`.
    pub(super) parts: PartCounts,
}

/// Checks every value of an attached file, counts them and digests the bytes.
pub(super) fn survey(name: &str, file: &str, base: &Path) -> Result<Survey, DatasetError> {
    let source = Source::open(file, base)?;
    if is_vector(file) { survey_vector(name, &source) } else { survey_lines(name, source) }
}

/// Reads the values of `rows` of a surveyed file.
pub(super) fn read(
    facts: &AttachedFacts,
    file: &str,
    base: &Path,
    rows: Range<u64>,
) -> Result<Column, DatasetError> {
    let source = Source::open(file, base)?;
    let mut into = Filler::new(&facts.name, facts.values, &source.path);
    let gone =
        |row: u64| DatasetError::Changed { path: source.path.clone(), what: format!("row {row} is gone") };
    if is_vector(file) {
        let vector = Vector::open(&source)?;
        if rows.end > vector.len {
            return Err(gone(vector.len));
        }
        for (i, number) in (rows.start..).zip(vector.read(&source, rows)?) {
            into.number(number, i)?;
        }
        return Ok(into.column);
    }
    if rows.is_empty() {
        return Ok(into.column);
    }
    let (first, place) = facts.index.at_or_before(rows.start).ok_or_else(|| gone(rows.start))?;
    source.seek(place.byte)?;
    let mut lines = Lines::new(&source.file, place);
    for row in first..rows.end {
        let (place, text) = lines.next_line(&source.path)?.ok_or_else(|| gone(row))?;
        if row >= rows.start {
            into.text(text, place.line)?;
        }
    }
    Ok(into.column)
}

fn is_vector(file: &str) -> bool {
    Path::new(file).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("npy"))
}

fn survey_vector(name: &str, source: &Source) -> Result<Survey, DatasetError> {
    /// Values looked at together.
    const CHUNK: u64 = 1 << 16;
    let vector = Vector::open(source)?;
    let file = if vector.is_float() { ColumnType::F64 } else { ColumnType::I64 };
    let values = Wanted::by(name).resolve(file);
    let mut parts = PartCounts::default();
    for start in (0..vector.len).step_by(CHUNK as usize) {
        let mut into = Filler::new(name, values, &source.path);
        for (i, number) in (start..).zip(vector.read(source, start..vector.len.min(start + CHUNK))?) {
            into.number(number, i)?;
        }
        into.count(&mut parts);
    }
    source.seek(0)?;
    let digest = Digesting::new(&source.file).finish().map_err(|e| source.unreadable(e))?;
    let facts = AttachedFacts { name: name.to_owned(), values, index: RowIndex::default() };
    Ok(Survey { facts, digest, values: vector.len, parts })
}

fn survey_lines(name: &str, source: Source) -> Result<Survey, DatasetError> {
    let Source { path, file, start, .. } = source;
    let unreadable = |source| DatasetError::Read { path: path.clone(), source };
    let mut stream = Digesting::new(file);
    stream.skip(start.byte).map_err(unreadable)?;
    let values = Wanted::by(name).resolve(ColumnType::Text);
    let mut index = IndexBuilder::with_places(PLACES);
    let mut parts = PartCounts::default();
    let mut lines = Lines::new(&mut stream, start);
    while let Some((place, text)) = lines.next_line(&path)? {
        index.push(place);
        let mut into = Filler::new(name, values, &path);
        into.text(text, place.line)?;
        into.count(&mut parts);
    }
    drop(lines);
    let (rows, index) = index.finish();
    let digest = stream.finish().map_err(unreadable)?;
    let facts = AttachedFacts { name: name.to_owned(), values, index };
    Ok(Survey { facts, digest, values: rows, parts })
}

/// A column being filled with checked values.
struct Filler<'a> {
    name: &'a str,
    path: &'a Path,
    wanted: Wanted,
    column: Column,
}

impl<'a> Filler<'a> {
    fn new(name: &'a str, values: ColumnType, path: &'a Path) -> Self {
        Self { name, path, wanted: Wanted::by(name), column: Column::new(values, Scope::Sentence) }
    }

    /// Takes a line; an empty one is a missing value.
    fn text(&mut self, text: &str, line: u64) -> Result<(), DatasetError> {
        let refused = |expected| self.refused(format!("line {line}"), text.to_owned(), expected);
        if text.is_empty() && !self.wanted.required() {
            self.column.push_text(None);
            return Ok(());
        }
        match self.column.values() {
            ColumnType::I64 => {
                let value = text.trim().parse::<i64>().map_err(|_| refused("a whole number"))?;
                self.column.push_i64(Some(value));
            }
            ColumnType::F64 => {
                let value = text.trim().parse::<f64>().ok().filter(|value| value.is_finite());
                let value = value.ok_or_else(|| refused("a finite number"))?;
                self.column.push_f64(Some(value));
            }
            ColumnType::Text => self.column.push_text(Some(text)),
        }
        Ok(())
    }

    /// Takes an entry of a vector; NaN is a missing value.
    fn number(&mut self, number: Number, entry: u64) -> Result<(), DatasetError> {
        let float = match number {
            Number::Whole(whole) => whole as f64,
            Number::Float(float) => float,
        };
        if float.is_nan() && !self.wanted.required() {
            self.column.push_text(None);
            return Ok(());
        }
        let refused = |expected| self.refused(format!("entry {entry}"), float.to_string(), expected);
        let whole = match number {
            Number::Whole(whole) => Some(whole),
            // Beyond 2^53 floats skip whole numbers.
            Number::Float(float) => (float.fract().abs() < f64::MIN_POSITIVE
                && float.abs() <= 9_007_199_254_740_992.0)
                .then_some(float as i64),
        };
        match self.column.values() {
            ColumnType::I64 => {
                let whole = whole.ok_or_else(|| refused("a whole number"))?;
                self.column.push_i64(Some(whole));
            }
            ColumnType::F64 if float.is_finite() => self.column.push_f64(Some(float)),
            ColumnType::F64 => return Err(refused("a finite number")),
            ColumnType::Text => {
                let whole = whole.ok_or_else(|| refused("a whole number or text"))?;
                self.column.push_text(Some(&whole.to_string()));
            }
        }
        Ok(())
    }

    /// Counts the parts that the values name.
    fn count(&self, parts: &mut PartCounts) {
        if self.name == "split" {
            (0..self.column.len()).for_each(|i| parts.count(self.column.text(i)));
        }
    }

    fn refused(&self, place: String, value: String, expected: &'static str) -> DatasetError {
        let (path, column) = (self.path.to_path_buf(), self.name.to_owned());
        DatasetError::AttachedValue { path, place, column, value, expected }
    }
}
