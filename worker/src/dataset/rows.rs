//! The rows of a text file, whatever its format.

use super::DatasetError;
use super::columns::Columns;
use super::conllu;
use super::content::Content;
use super::lines::Lines;
use super::records::Records;
use isoscope_core::facts::Place;
use isoscope_core::study::{DatasetSpec, Format};
use std::io::Read;
use std::path::Path;

/// A file that is read row by row.
pub(super) struct Rows<'a, R: Read> {
    spec: &'a DatasetSpec,
    path: &'a Path,
    cut: Cut<R>,
}

/// How the file is cut into rows, with the columns that its header names.
enum Cut<R: Read> {
    /// `txt`: a line is a text.
    Texts(Lines<R>),
    /// `jsonl`: a line is an object.
    Objects(Lines<R>),
    /// `conllu`: the lines up to a blank one are a sentence.
    Sentences(Lines<R>),
    /// `tsv`: a line is split on tabs.
    Tabs(Lines<R>, Columns),
    /// `csv`: a record may span lines.
    Records(Records<R>, Columns),
}

impl<'a, R: Read> Rows<'a, R> {
    /// Begins at the start of a text file of `len` bytes and reads its header.
    ///
    /// `stream` stands at `start`. A matrix has no text, and is refused.
    pub(super) fn begin(
        spec: &'a DatasetSpec,
        format: Format,
        path: &'a Path,
        stream: R,
        start: Place,
        len: u64,
    ) -> Result<Self, DatasetError> {
        let empty = || DatasetError::Empty { path: path.to_path_buf() };
        let cut = match format {
            Format::Txt => Cut::Texts(Lines::new(stream, start)),
            Format::Jsonl => Cut::Objects(Lines::new(stream, start)),
            Format::Conllu => Cut::Sentences(Lines::new(stream, start)),
            Format::Tsv => {
                let mut lines = Lines::new(stream, start);
                let columns = if let Some(names) = &spec.columns {
                    Columns::find(spec, format, path, start.line, names)?
                } else {
                    let (place, text) = lines.next_line(path)?.ok_or_else(empty)?;
                    let names: Vec<String> = text.split('\t').map(str::to_owned).collect();
                    Columns::find(spec, format, path, place.line, &names)?
                };
                Cut::Tabs(lines, columns)
            }
            Format::Csv => {
                let mut records = Records::new(stream, start, len);
                let columns = if let Some(names) = &spec.columns {
                    Columns::find(spec, format, path, start.line, names)?
                } else {
                    let header = records.next_record(path)?.ok_or_else(empty)?;
                    Columns::find(spec, format, path, header.line, header.fields)?
                };
                Cut::Records(records, columns)
            }
            Format::Npy => {
                let path = path.to_path_buf();
                return Err(DatasetError::WrongKind { path, format: "npy", wanted: "text" });
            }
        };
        Ok(Self { spec, path, cut })
    }

    /// Goes on in another place of the same file, at which `stream` stands.
    pub(super) fn resume<S: Read>(self, stream: S, place: Place, len: u64) -> Rows<'a, S> {
        let cut = match self.cut {
            Cut::Texts(_) => Cut::Texts(Lines::new(stream, place)),
            Cut::Objects(_) => Cut::Objects(Lines::new(stream, place)),
            Cut::Sentences(_) => Cut::Sentences(Lines::new(stream, place)),
            Cut::Tabs(_, columns) => Cut::Tabs(Lines::new(stream, place), columns),
            Cut::Records(_, columns) => Cut::Records(Records::new(stream, place, len), columns),
        };
        Rows { spec: self.spec, path: self.path, cut }
    }

    /// Reads a row and a place from which it can be read again; `None` at the end of the file.
    pub(super) fn next_row(&mut self) -> Result<Option<(Place, Content)>, DatasetError> {
        let (spec, path) = (self.spec, self.path);
        match &mut self.cut {
            Cut::Texts(lines) => {
                let line = lines.next_line(path)?;
                let content = |text: &str| Content { texts: vec![text.to_owned()], ..Content::default() };
                Ok(line.map(|(place, text)| (place, content(text))))
            }
            Cut::Sentences(lines) => {
                let sentence = conllu::next_sentence(lines, spec, path)?;
                let content = |text, words| Content { texts: vec![text], words, ..Content::default() };
                Ok(sentence.map(|(place, sentence)| (place, content(sentence.text, sentence.words))))
            }
            Cut::Objects(lines) => {
                while let Some((place, text)) = lines.next_line(path)? {
                    if !text.trim().is_empty() {
                        return Ok(Some((place, Content::from_json(spec, path, place.line, text)?)));
                    }
                }
                Ok(None)
            }
            Cut::Tabs(lines, columns) => {
                while let Some((place, text)) = lines.next_line(path)? {
                    if !text.is_empty() || columns.count == 1 {
                        let fields: Vec<&str> = text.split('\t').collect();
                        let content = Content::from_fields(spec, columns, path, place.line, &fields)?;
                        return Ok(Some((place, content)));
                    }
                }
                Ok(None)
            }
            Cut::Records(records, columns) => {
                let Some(record) = records.next_record(path)? else { return Ok(None) };
                let content = Content::from_fields(spec, columns, path, record.line, record.fields)?;
                Ok(Some((record.place, content)))
            }
        }
    }
}
