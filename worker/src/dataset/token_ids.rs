//! Texts that are token ids already: one JSON array of ids a line.

use super::DatasetError;
use super::lines::Lines;
use super::source::Source;
use serde_json::Value;
use std::fs::File;
use std::path::{Path, PathBuf};

/// What an encoder takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdLimits {
    /// Ids are below this.
    pub vocab: usize,
    /// Most ids of a text.
    pub tokens: usize,
}

/// A file of token ids, read text by text. A blank line holds no text.
pub struct TokenIds {
    path: PathBuf,
    lines: Lines<File>,
    limits: IdLimits,
}

impl TokenIds {
    /// Opens a file; every text is held to `limits`.
    ///
    /// # Errors
    /// When the file cannot be opened, or is compressed.
    pub fn open(path: &Path, limits: IdLimits) -> Result<Self, DatasetError> {
        let source = Source::open_path(path.to_owned())?;
        source.seek(source.start.byte)?;
        let Source { path, file, start, .. } = source;
        Ok(Self { path, lines: Lines::new(file, start), limits })
    }

    /// Reads the ids of the next text; none at the end of the file.
    ///
    /// # Errors
    /// By line: what is no array of ids, an array without ids, an id outside the vocabulary, more ids than the encoder takes.
    pub fn next_text(&mut self) -> Result<Option<Vec<u32>>, DatasetError> {
        while let Some((place, text)) = self.lines.next_line(&self.path)? {
            if !text.trim().is_empty() {
                return ids(text, self.limits, &self.path, place.line).map(Some);
            }
        }
        Ok(None)
    }
}

fn ids(text: &str, limits: IdLimits, path: &Path, line: u64) -> Result<Vec<u32>, DatasetError> {
    let refused = |message| DatasetError::NotTokenIds { path: path.to_path_buf(), line, message };
    // A line is parsed on its own, so the line that the reader counts is always the first.
    let values: Vec<Value> = serde_json::from_str(text)
        .map_err(|e| refused(e.to_string().replace(" at line 1 column ", " at character ")))?;
    if values.is_empty() {
        return Err(DatasetError::NoTokens { path: path.to_path_buf(), line });
    }
    if values.len() > limits.tokens {
        let (path, found) = (path.to_path_buf(), values.len());
        return Err(DatasetError::TooManyTokens { path, line, found, limit: limits.tokens });
    }
    let id = |(position, value): (usize, &Value)| {
        let whole = value.as_u64().ok_or_else(|| {
            refused(format!("position {position} holds {value}, and an id is a whole number from 0"))
        })?;
        let known = u32::try_from(whole).ok().filter(|&id| (id as usize) < limits.vocab);
        known.ok_or_else(|| {
            let (path, vocab) = (path.to_path_buf(), limits.vocab);
            DatasetError::UnknownToken { path, line, position, id: whole, vocab }
        })
    };
    values.iter().enumerate().map(id).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn read(content: &str) -> Result<Vec<Vec<u32>>, String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ids.jsonl");
        std::fs::write(&path, content).unwrap();
        let mut file = TokenIds::open(&path, IdLimits { vocab: 100, tokens: 4 }).unwrap();
        let mut texts = Vec::new();
        while let Some(ids) = file.next_text().map_err(|e| e.to_string())? {
            texts.push(ids);
        }
        Ok(texts)
    }

    #[test]
    fn every_line_is_a_text_and_blank_lines_are_none() {
        assert_eq!(read("\u{feff}[2, 99]\r\n\n [0]\n[1,1,1,1]").unwrap(), [vec![2, 99], vec![0], vec![1; 4]]);
        assert!(read("").unwrap().is_empty());
    }

    #[test]
    fn what_is_no_text_of_known_ids_is_named_by_line_and_position() {
        for (content, phrases) in [
            ("[1]\n[1, 100]", ["line 2", "position 1", "100 is outside the vocabulary of 100"]),
            ("[1]\n[99999999999]", ["line 2", "position 0", "99999999999"]),
            ("[1, -2]", ["line 1", "position 1", "holds -2"]),
            ("[1.5]", ["line 1", "position 0", "holds 1.5"]),
            ("[\"the\"]", ["line 1", "position 0", "holds \"the\""]),
            ("{\"ids\": [1]}", ["line 1", "not a JSON array of token ids", "expected a sequence"]),
            ("[1, 2", ["line 1", "not a JSON array of token ids", "at character 5"]),
            ("[1]\n\n[]", ["line 3", "no id", "remove the line"]),
            ("[1,2,3,4,5]", ["line 1", "5 tokens", "at most 4"]),
        ] {
            let message = read(content).unwrap_err();
            for phrase in phrases {
                assert!(message.contains(phrase), "{content}: `{phrase}` is not in: {message}");
            }
        }
    }
}
