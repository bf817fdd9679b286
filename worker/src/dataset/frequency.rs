//! Tables of word frequencies.

use super::DatasetError;
use super::lines::Lines;
use super::source::{Digesting, Source};
use isoscope_core::facts::DatasetFacts;
use isoscope_core::study::DatasetSpec;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Most tables kept in memory at once.
const KEPT: usize = 2;

/// Tables read so far by path and digest, most recently used last: every shard of a dataset needs the same one.
static TABLES: Mutex<Vec<(PathBuf, Arc<Frequencies>)>> = Mutex::new(Vec::new());

/// Frequencies of words on the Zipf scale.
#[derive(Debug)]
pub struct Frequencies {
    words: HashMap<Box<str>, f64>,
    digest: String,
}

impl Frequencies {
    /// Frequency of a word as written, else of the word in lower case; none when the table has neither.
    #[must_use]
    pub fn of(&self, word: &str) -> Option<f64> {
        self.words.get(word).or_else(|| self.words.get(word.to_lowercase().as_str())).copied()
    }

    /// `sha256:` of the file.
    pub(super) fn digest(&self) -> &str {
        &self.digest
    }

    /// Reads a table.
    pub(super) fn read(file: &str, base: &Path) -> Result<Self, DatasetError> {
        let Source { path, file, start, .. } = Source::open(file, base)?;
        let mut stream = Digesting::new(file);
        let unreadable = |source| DatasetError::Read { path: path.clone(), source };
        stream.skip(start.byte).map_err(unreadable)?;
        let mut lines = Lines::new(&mut stream, start);
        let mut words = HashMap::new();
        while let Some((place, text)) = lines.next_line(&path)? {
            let failed =
                |message: String| DatasetError::Frequency { path: path.clone(), line: place.line, message };
            let Some((word, number)) = text.split_once('\t').filter(|(word, _)| !word.is_empty()) else {
                return Err(failed("there is no word and tab".to_owned()));
            };
            let frequency = number.trim().parse::<f64>().ok().filter(|number| number.is_finite());
            let frequency = frequency.ok_or_else(|| failed(format!("`{number}` is not a finite number")))?;
            if words.insert(Box::from(word), frequency).is_some() {
                return Err(failed(format!("the word `{word}` stands in the table already")));
            }
        }
        drop(lines);
        if words.is_empty() {
            return Err(DatasetError::Empty { path });
        }
        let digest = stream.finish().map_err(unreadable)?;
        Ok(Self { words, digest })
    }
}

/// Returns the table of a surveyed dataset; none when it has none.
///
/// # Errors
/// A table that cannot be read or is no longer what was surveyed.
pub fn frequencies(
    spec: &DatasetSpec,
    facts: &DatasetFacts,
    base: &Path,
) -> Result<Option<Arc<Frequencies>>, DatasetError> {
    let (Some(file), Some(digest)) = (&spec.frequency, &facts.frequency_digest) else { return Ok(None) };
    let path = base.join(file);
    // Held while reading, so that the shards of a block never read the same table at once.
    let mut tables = TABLES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(i) = tables.iter().position(|(known, table)| *known == path && table.digest == *digest) {
        let known = tables.remove(i);
        let table = Arc::clone(&known.1);
        tables.push(known);
        return Ok(Some(table));
    }
    let table = Arc::new(Frequencies::read(file, base)?);
    if table.digest != *digest {
        return Err(DatasetError::Changed { path, what: "other bytes than then".to_owned() });
    }
    if tables.len() == KEPT {
        tables.remove(0);
    }
    tables.push((path, Arc::clone(&table)));
    Ok(Some(table))
}
