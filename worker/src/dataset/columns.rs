//! The columns of a `tsv` or `csv` file, and those that the study asks for.

use super::DatasetError;
use super::fields::fields;
use isoscope_core::study::{DatasetSpec, Format};
use std::path::Path;

/// Similarity below which two names are not thought to be the same word.
const ALIKE: f64 = 0.7;

/// Which fields of a row hold what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Columns {
    /// Number of fields that every row has.
    pub(super) count: usize,
    text: Vec<usize>,
    gold: Option<usize>,
    fields: Vec<usize>,
}

impl Columns {
    /// Finds the study's columns among `names`, which stand in `line`.
    pub(super) fn find(
        spec: &DatasetSpec,
        format: Format,
        path: &Path,
        line: u64,
        names: &[String],
    ) -> Result<Self, DatasetError> {
        let place = |column: &str| -> Result<usize, DatasetError> {
            let mut places =
                names.iter().enumerate().filter(|(_, name)| name.as_str() == column).map(|(i, _)| i);
            let first = places.next().ok_or_else(|| missing(path, line, column, names.to_vec()))?;
            if places.next().is_some() {
                return Err(DatasetError::AmbiguousColumn {
                    path: path.to_path_buf(),
                    line,
                    column: column.to_owned(),
                });
            }
            Ok(first)
        };
        Ok(Self {
            count: names.len(),
            text: spec.text.iter().map(|column| place(column)).collect::<Result<_, _>>()?,
            gold: spec.gold.as_deref().map(place).transpose()?,
            fields: fields(spec, format).iter().map(|field| place(field.column)).collect::<Result<_, _>>()?,
        })
    }

    /// Picks the texts of a row.
    pub(super) fn texts<S: AsRef<str>>(&self, fields: &[S]) -> Vec<String> {
        self.text.iter().filter_map(|&i| fields.get(i)).map(|text| text.as_ref().to_owned()).collect()
    }

    /// Picks the fields that rows take along; an empty one is a missing value.
    pub(super) fn fields<S: AsRef<str>>(&self, fields: &[S]) -> Vec<Option<String>> {
        let picked = self.fields.iter().map(|&i| fields.get(i).map(AsRef::as_ref));
        picked.map(|written| written.filter(|text| !text.is_empty()).map(str::to_owned)).collect()
    }

    /// Picks the gold score of a row as written.
    pub(super) fn gold<'a, S: AsRef<str>>(&self, fields: &'a [S]) -> Option<&'a str> {
        self.gold.and_then(|i| fields.get(i)).map(AsRef::as_ref)
    }
}

/// Reports a column that does not exist, with those that do.
pub(super) fn missing(path: &Path, line: u64, column: &str, known: Vec<String>) -> DatasetError {
    let nearest = known
        .iter()
        .map(|name| (strsim::jaro_winkler(&column.to_lowercase(), &name.to_lowercase()), name))
        .filter(|(similarity, _)| *similarity >= ALIKE)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, name)| name.clone());
    DatasetError::MissingColumn { path: path.to_path_buf(), line, column: column.to_owned(), known, nearest }
}
