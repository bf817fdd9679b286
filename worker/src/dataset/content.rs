//! From the fields of a row to its texts, its gold score and what else it takes along.

use super::DatasetError;
use super::columns::{Columns, missing};
use super::conllu::Word;
use super::fields::fields;
use isoscope_core::study::{DatasetSpec, Format};
use serde_json::{Map, Value};
use std::path::Path;

/// What a row holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Content {
    /// One text, or the two of a sentence pair.
    pub(super) texts: Vec<String>,
    /// The gold score, finite.
    pub(super) gold: Option<f64>,
    /// The fields that rows take along, in the order of [`fields`]; none of a `conllu` file, whose words have them.
    pub(super) fields: Vec<Option<String>>,
    /// The words of a sentence of a `conllu` file.
    pub(super) words: Vec<Word>,
}

impl Content {
    /// Takes a row of a file with columns.
    pub(super) fn from_fields<S: AsRef<str>>(
        spec: &DatasetSpec,
        columns: &Columns,
        path: &Path,
        line: u64,
        fields: &[S],
    ) -> Result<Self, DatasetError> {
        if fields.len() != columns.count {
            let (found, expected) = (fields.len(), columns.count);
            return Err(DatasetError::Ragged { path: path.to_path_buf(), line, found, expected });
        }
        let gold = match (&spec.gold, columns.gold(fields)) {
            (Some(column), Some(written)) => {
                let number = written.trim().parse::<f64>().ok().filter(|number| number.is_finite());
                Some(number.ok_or_else(|| not_gold(path, line, column, written.to_owned()))?)
            }
            _ => None,
        };
        let texts = columns.texts(fields);
        Ok(Self { texts, gold, fields: columns.fields(fields), words: Vec::new() })
    }

    /// Takes a line of a `jsonl` file.
    pub(super) fn from_json(
        spec: &DatasetSpec,
        path: &Path,
        line: u64,
        text: &str,
    ) -> Result<Self, DatasetError> {
        let object: Map<String, Value> = serde_json::from_str(text).map_err(|e| DatasetError::Json {
            path: path.to_path_buf(),
            line,
            message: e.to_string(),
        })?;
        let field = |column: &str| {
            object.get(column).ok_or_else(|| missing(path, line, column, object.keys().cloned().collect()))
        };
        let mut texts = Vec::with_capacity(spec.text.len());
        for column in &spec.text {
            match field(column)? {
                Value::String(text) => texts.push(text.clone()),
                other => {
                    let (path, column, found) = (path.to_path_buf(), column.clone(), json_type(other));
                    return Err(DatasetError::NotText { path, line, column, found });
                }
            }
        }
        let gold = match &spec.gold {
            Some(column) => {
                let written = field(column)?;
                let number = if written.is_number() {
                    written.as_f64().filter(|number| number.is_finite())
                } else {
                    None
                };
                Some(number.ok_or_else(|| not_gold(path, line, column, written.to_string()))?)
            }
            None => None,
        };
        let value = |column: &str| match field(column)? {
            Value::Null => Ok(None),
            Value::String(text) => Ok(Some(text.clone()).filter(|text| !text.is_empty())),
            scalar @ (Value::Bool(_) | Value::Number(_)) => Ok(Some(scalar.to_string())),
            other => {
                let (path, column, found) = (path.to_path_buf(), column.to_owned(), json_type(other));
                Err(DatasetError::NotValue { path, line, column, found })
            }
        };
        let taken = fields(spec, Format::Jsonl);
        let taken = taken.iter().map(|field| value(field.column)).collect::<Result<_, _>>()?;
        Ok(Self { texts, gold, fields: taken, words: Vec::new() })
    }
}

fn not_gold(path: &Path, line: u64, column: &str, value: String) -> DatasetError {
    DatasetError::Gold { path: path.to_path_buf(), line, column: column.to_owned(), value }
}

fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
