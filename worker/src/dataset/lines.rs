//! A text file as lines.

use super::DatasetError;
use isoscope_core::facts::Place;
use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;

/// Reads line by line, and knows where each begins.
pub(super) struct Lines<R> {
    reader: BufReader<R>,
    next: Place,
    bytes: Vec<u8>,
}

impl<R: Read> Lines<R> {
    /// Reads from a stream that stands at `place` of its file.
    pub(super) fn new(stream: R, place: Place) -> Self {
        Self { reader: BufReader::new(stream), next: place, bytes: Vec::new() }
    }

    /// Reads a line without its end (LF or CRLF), and the place where it begins; `None` at the end of the file.
    pub(super) fn next_line(&mut self, path: &Path) -> Result<Option<(Place, &str)>, DatasetError> {
        let place = self.next;
        self.bytes.clear();
        let read = self
            .reader
            .read_until(b'\n', &mut self.bytes)
            .map_err(|source| DatasetError::Read { path: path.to_path_buf(), source })?;
        if read == 0 {
            return Ok(None);
        }
        self.next = Place { byte: place.byte + read as u64, line: place.line + 1 };
        let text = std::str::from_utf8(&self.bytes)
            .map_err(|_| DatasetError::NotUtf8 { path: path.to_path_buf(), line: place.line })?;
        let text = text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text));
        Ok(Some((place, text)))
    }
}
