//! A `csv` file as records by RFC 4180.

use super::DatasetError;
use csv::{ByteRecord, Reader, ReaderBuilder, Terminator};
use isoscope_core::facts::Place;
use std::io::{Chain, Read};
use std::path::Path;

/// Put before the stream. The csv reader drops a byte order mark at the start of whatever it reads; behind this blank
/// line a row that begins with that character reads the same from the middle of the file as from its start.
const LEAD: &[u8] = b"\n";
/// Put behind the stream. The first line feed ends a last line that has none, so that every record ends in one; only a
/// quote that is never closed runs on to the second.
const TAIL: &[u8] = b"\n\n";

/// A stream between [`LEAD`] and [`TAIL`].
type Framed<R> = Chain<Chain<&'static [u8], R>, &'static [u8]>;

/// Reads record by record, and knows where each begins.
pub(super) struct Records<R: Read> {
    reader: Reader<Framed<R>>,
    start: Place,
    total: u64,
    record: ByteRecord,
    fields: Vec<String>,
}

/// A record and where it begins.
pub(super) struct Record<'a> {
    /// A place from which to read again; blank lines may lie between it and the record.
    pub(super) place: Place,
    /// Line in which the record itself begins.
    pub(super) line: u64,
    /// Its fields, unquoted.
    pub(super) fields: &'a [String],
}

impl<R: Read> Records<R> {
    /// Reads from a stream that stands at `place` of a file of `len` bytes.
    pub(super) fn new(stream: R, place: Place, len: u64) -> Self {
        let mut builder = ReaderBuilder::new();
        // With any other terminator the reader stops between CR and LF, and lines could not be counted.
        builder.has_headers(false).flexible(true).terminator(Terminator::Any(b'\n'));
        let reader = builder.from_reader(LEAD.chain(stream).chain(TAIL));
        let total = len.saturating_sub(place.byte) + (LEAD.len() + TAIL.len()) as u64;
        Self { reader, start: place, total, record: ByteRecord::new(), fields: Vec::new() }
    }

    /// Reads a record; `None` at the end of the file.
    pub(super) fn next_record(&mut self, path: &Path) -> Result<Option<Record<'_>>, DatasetError> {
        loop {
            let place = self.place();
            if !self.reader.read_byte_record(&mut self.record).map_err(|e| failed(path, &e))? {
                return Ok(None);
            }
            let inside = self.record.iter().map(newlines).sum::<u64>();
            let unclosed = self.reader.position().byte() == self.total;
            let line = self.place().line.saturating_sub(inside + u64::from(!unclosed));
            if unclosed {
                return Err(DatasetError::UnclosedQuote { path: path.to_path_buf(), line });
            }
            if self.record.len() == 1 && self.record.get(0) == Some(b"\r") {
                continue; // a blank line that ends in CRLF
            }
            self.decode(path, line)?;
            return Ok(Some(Record { place, line, fields: &self.fields }));
        }
    }

    /// Returns where the reader stands in the file.
    fn place(&self) -> Place {
        let position = self.reader.position();
        let lead = LEAD.len() as u64;
        Place {
            byte: self.start.byte + position.byte().saturating_sub(lead),
            line: self.start.line + position.line().saturating_sub(1 + lead),
        }
    }

    fn decode(&mut self, path: &Path, line: u64) -> Result<(), DatasetError> {
        self.fields.clear();
        let mut at = line;
        for field in &self.record {
            let text = std::str::from_utf8(field).map_err(|e| DatasetError::NotUtf8 {
                path: path.to_path_buf(),
                line: at + newlines(&field[..e.valid_up_to()]),
            })?;
            self.fields.push(text.to_owned());
            at += newlines(field);
        }
        // A carriage return before the line feed belongs to the end of the line.
        if let Some(last) = self.fields.last_mut()
            && last.ends_with('\r')
        {
            last.pop();
        }
        Ok(())
    }
}

fn newlines(bytes: &[u8]) -> u64 {
    bytes.split(|&byte| byte == b'\n').skip(1).count() as u64
}

/// With flexible byte records, reading can fail in one way only: the system's.
fn failed(path: &Path, error: &csv::Error) -> DatasetError {
    let source = match error.kind() {
        csv::ErrorKind::Io(source) => std::io::Error::new(source.kind(), source.to_string()),
        _ => std::io::Error::other(error.to_string()),
    };
    DatasetError::Read { path: path.to_path_buf(), source }
}
