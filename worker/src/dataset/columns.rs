//! The columns of a `tsv` or `csv` file, and those that the study asks for.

use super::DatasetError;
use isoscope_core::study::DatasetSpec;
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
}

impl Columns {
    /// Finds the study's columns among `names`, which stand in `line`.
    pub(super) fn find(
        spec: &DatasetSpec,
        path: &Path,
        line: u64,
        names: &[String],
    ) -> Result<Self, DatasetError> {
        let place = |column: &String| -> Result<usize, DatasetError> {
            let mut places = names.iter().enumerate().filter(|(_, name)| *name == column).map(|(i, _)| i);
            let first = places.next().ok_or_else(|| missing(path, line, column, names.to_vec()))?;
            if places.next().is_some() {
                return Err(DatasetError::AmbiguousColumn {
                    path: path.to_path_buf(),
                    line,
                    column: column.clone(),
                });
            }
            Ok(first)
        };
        Ok(Self {
            count: names.len(),
            text: spec.text.iter().map(place).collect::<Result<_, _>>()?,
            gold: spec.gold.as_ref().map(place).transpose()?,
        })
    }

    /// Picks the texts of a row.
    pub(super) fn texts<S: AsRef<str>>(&self, fields: &[S]) -> Vec<String> {
        self.text.iter().filter_map(|&i| fields.get(i)).map(|text| text.as_ref().to_owned()).collect()
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
