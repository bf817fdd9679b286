//! The survey: one pass over a dataset before a study is planned.

use super::DatasetError;
use super::index::IndexBuilder;
use super::npy;
use super::rows::Rows;
use super::source::{Digesting, Source, format, format_name};
use isoscope_core::facts::{DatasetFacts, RowIndex};
use isoscope_core::study::{DatasetSpec, Format};
use std::io::{self, Read as _};
use std::path::Path;

/// Surveys a dataset in one streaming pass: checks every row, counts the rows, digests the bytes and builds the sparse
/// row index. A relative source is looked up in `base`.
///
/// Memory is bounded by the longest row and an index of at most 4096 places.
///
/// # Errors
/// The first thing that is wrong, by file and line or field: see [`DatasetError`]. A dataset without a row is refused.
pub fn survey(spec: &DatasetSpec, base: &Path) -> Result<DatasetFacts, DatasetError> {
    let source = Source::open(spec, base)?;
    let format = format(spec, &source.path)?;
    check_keys(spec, format)?;
    if format == Format::Npy { survey_matrix(source) } else { survey_texts(spec, format, source) }
}

fn survey_texts(spec: &DatasetSpec, format: Format, source: Source) -> Result<DatasetFacts, DatasetError> {
    let Source { path, file, len, start } = source;
    let unreadable = |source| DatasetError::Read { path: path.clone(), source };
    let mut stream = Digesting::new(file);
    io::copy(&mut stream.by_ref().take(start.byte), &mut io::sink()).map_err(unreadable)?;
    let mut index = IndexBuilder::new();
    let mut rows = Rows::begin(spec, format, &path, &mut stream, start, len)?;
    while let Some((place, _)) = rows.next_row()? {
        index.push(place);
    }
    drop(rows);
    let (rows, index) = index.finish();
    if rows == 0 {
        return Err(DatasetError::Empty { path });
    }
    Ok(DatasetFacts {
        format,
        rows,
        sides: if format == Format::Txt { 1 } else { spec.text.len() as u32 },
        width: None,
        gold: spec.gold.is_some(),
        digest: stream.finish().map_err(unreadable)?,
        index,
    })
}

fn survey_matrix(source: Source) -> Result<DatasetFacts, DatasetError> {
    let header = npy::checked_header(&source)?;
    if header.rows == 0 {
        return Err(DatasetError::Empty { path: source.path });
    }
    source.seek(0)?;
    let Source { path, file, .. } = source;
    let digest = Digesting::new(file).finish().map_err(|source| DatasetError::Read { path, source })?;
    Ok(DatasetFacts {
        format: Format::Npy,
        rows: header.rows,
        sides: 0,
        width: Some(header.cols),
        gold: false,
        digest,
        index: RowIndex::default(),
    })
}

/// Refuses keys that the format gives no meaning to, rather than ignoring them.
fn check_keys(spec: &DatasetSpec, format: Format) -> Result<(), DatasetError> {
    let (names_columns, has_header) = match format {
        Format::Tsv | Format::Csv => (true, true),
        Format::Jsonl => (true, false),
        Format::Txt | Format::Npy => (false, false),
    };
    let meaningless = [
        ("text", !names_columns && !spec.text.is_empty()),
        ("gold", !names_columns && spec.gold.is_some()),
        ("columns", !has_header && spec.columns.is_some()),
    ];
    if let Some((key, _)) = meaningless.into_iter().find(|(_, given)| *given) {
        let (dataset, format) = (spec.name.clone(), format_name(format));
        return Err(DatasetError::MeaninglessKey { dataset, key, format });
    }
    if names_columns && !(1..=2).contains(&spec.text.len()) {
        return Err(DatasetError::TextColumns { dataset: spec.name.clone(), found: spec.text.len() });
    }
    Ok(())
}
