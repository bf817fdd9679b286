//! The survey: one pass over the files of a dataset before a study is planned.

use super::fields::fields;
use super::frequency::Frequencies;
use super::index::IndexBuilder;
use super::rows::Rows;
use super::source::{Digesting, Source, format};
use super::split::PartCounts;
use super::{DatasetError, attached, npy};
use isoscope_core::digest::sha256;
use isoscope_core::facts::{AttachedFacts, DatasetFacts, RowIndex};
use isoscope_core::study::{DatasetSpec, Format};
use std::fmt::Write as _;
use std::path::Path;

/// Surveys a dataset in one streaming pass over each of its files: checks every row, counts the rows, digests the bytes and
/// builds the sparse row indices. Relative files are looked up in `base`.
///
/// Memory is bounded by the longest row, indices of at most 4096 places, and the table of frequencies.
///
/// # Errors
/// The first thing that is wrong, by file and line or field: see [`DatasetError`]. A file without a row is refused.
pub fn survey(spec: &DatasetSpec, base: &Path) -> Result<DatasetFacts, DatasetError> {
    let format = format(spec, &base.join(&spec.source))?;
    if let Some(first) = spec.contradictions(format).into_iter().next() {
        let (dataset, field, message) = (spec.name.clone(), first.field, first.message);
        return Err(DatasetError::Contradiction { dataset, field, message });
    }
    let mut digests = Vec::new();
    let source = survey_file(spec, format, &spec.source, base)?;
    digests.push(("source".to_owned(), source.digest.clone()));
    let train = spec.train.as_deref().map(|file| survey_file(spec, format, file, base)).transpose()?;
    if let (Some(train), Some(file)) = (&train, &spec.train) {
        if let (Some(found), Some(expected)) = (train.width, source.width)
            && found != expected
        {
            return Err(DatasetError::TrainWidth { path: base.join(file), found, expected });
        }
        digests.push(("train".to_owned(), train.digest.clone()));
    }
    let (train_rows, train_index) = train.map_or((0, RowIndex::default()), |file| (file.rows, file.index));
    let rows = train_rows + source.rows;
    let attached = survey_attached(spec, base, rows, train_rows, &mut digests)?;
    let frequency_digest = match &spec.frequency {
        Some(file) => Some(Frequencies::read(file, base)?.digest().to_owned()),
        None => None,
    };
    digests.extend(frequency_digest.iter().map(|digest| ("frequency".to_owned(), digest.clone())));
    let columns = spec.columns_of(format);
    Ok(DatasetFacts {
        format,
        rows,
        train_rows,
        sides: match format {
            Format::Npy => 0,
            Format::Txt | Format::Conllu => 1,
            _ => spec.text.len() as u32,
        },
        width: source.width,
        gold: columns.iter().any(|name| name == "gold"),
        columns,
        word_columns: spec.word_columns_of(format).into_iter().map(str::to_owned).collect(),
        digest: join(&digests),
        index: source.index,
        train_index,
        attached,
        frequency_digest,
    })
}

/// What is known of one file of rows.
struct FileSurvey {
    rows: u64,
    width: Option<u32>,
    digest: String,
    index: RowIndex,
}

fn survey_file(
    spec: &DatasetSpec,
    format: Format,
    file: &str,
    base: &Path,
) -> Result<FileSurvey, DatasetError> {
    let source = Source::open(file, base)?;
    if format == Format::Npy { survey_matrix(source) } else { survey_texts(spec, format, source) }
}

fn survey_texts(spec: &DatasetSpec, format: Format, source: Source) -> Result<FileSurvey, DatasetError> {
    let Source { path, file, len, start } = source;
    let unreadable = |source| DatasetError::Read { path: path.clone(), source };
    let split = fields(spec, format).iter().position(|field| field.name == "split");
    let mut parts = PartCounts::default();
    let mut stream = Digesting::new(file);
    stream.skip(start.byte).map_err(unreadable)?;
    let mut index = IndexBuilder::new();
    let mut rows = Rows::begin(spec, format, &path, &mut stream, start, len)?;
    while let Some((place, content)) = rows.next_row()? {
        index.push(place);
        if let Some(i) = split {
            parts.count(content.fields.get(i).and_then(Option::as_deref));
        }
    }
    drop(rows);
    let (rows, index) = index.finish();
    if rows == 0 {
        return Err(DatasetError::Empty { path });
    }
    if let Some(column) = &spec.split {
        parts.check(&path, column)?;
    }
    Ok(FileSurvey { rows, width: None, digest: stream.finish().map_err(unreadable)?, index })
}

fn survey_matrix(source: Source) -> Result<FileSurvey, DatasetError> {
    let header = npy::checked_header(&source)?;
    if header.rows == 0 {
        return Err(DatasetError::Empty { path: source.path });
    }
    source.seek(0)?;
    let Source { path, file, .. } = source;
    let digest = Digesting::new(file).finish().map_err(|source| DatasetError::Read { path, source })?;
    Ok(FileSurvey { rows: header.rows, width: Some(header.cols), digest, index: RowIndex::default() })
}

fn survey_attached(
    spec: &DatasetSpec,
    base: &Path,
    expected: u64,
    train: u64,
    digests: &mut Vec<(String, String)>,
) -> Result<Vec<AttachedFacts>, DatasetError> {
    let mut found = Vec::new();
    for (name, file) in &spec.attach {
        let path = base.join(file);
        let survey = attached::survey(name, file, base)?;
        if survey.values != expected {
            let (column, found) = (name.clone(), survey.values);
            return Err(DatasetError::AttachedRows { path, column, found, expected, train });
        }
        if name == "split" {
            survey.parts.check(&path, name)?;
        }
        digests.push((format!("attach.{name}"), survey.digest));
        found.push(survey.facts);
    }
    Ok(found)
}

/// The digest of one file is its own; that of several is made of the list of them.
fn join(digests: &[(String, String)]) -> String {
    if let [(_, digest)] = digests {
        return digest.clone();
    }
    let mut list = String::new();
    for (file, digest) in digests {
        let _ = writeln!(list, "{file} {digest}");
    }
    sha256(list.as_bytes())
}
