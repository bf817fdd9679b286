//! The row cache: rows of an earlier pass, kept in files so that a later pass need not run the encoder again.
//!
//! Content-addressed by everything that decides the rows, bounded in bytes, and optional: a shard that is not here is encoded
//! again and yields the same bits, because a file keeps the very batches that the encoder pushed.

use super::RowSink;
use crate::error::WorkerError;
use crate::rows::Columns;
use isoscope_core::digest::sha256;
use isoscope_core::plan::{Plan, PlannedModel, Subject};
use isoscope_core::result::Tally;
use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, BufWriter, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// Files of rows, up to a number of bytes.
pub struct RowCache {
    directory: PathBuf,
    budget: u64,
    used: AtomicU64,
    serial: AtomicU64,
}

/// One batch of one layer in a file; its numbers follow all records.
#[derive(Serialize, Deserialize)]
struct Record {
    layer: u32,
    rows: usize,
    width: usize,
    /// Index into the columns of the file; layers of one forward pass share theirs.
    columns: usize,
}

#[derive(Serialize, Deserialize)]
struct Contents {
    tally: Tally,
    columns: Vec<Columns>,
    records: Vec<Record>,
}

/// Computes the name of a shard's rows: a digest of all that decides them.
pub(super) fn key(plan: &Plan, subject: &Subject, model: &PlannedModel, shard: u64) -> String {
    let policy = &plan.study.representation;
    let parts = (
        (&model.facts, &subject.dataset_facts.digest, &subject.dataset),
        (&subject.layers, subject.max_tokens, &policy.exclude, policy.unit, plan.batch_tokens()),
        model.rows.takes_all_tokens(),
        (subject.rows(shard), plan.numerics()),
    );
    let text = serde_json::to_string(&parts).unwrap_or_default();
    sha256(text.as_bytes()).replace("sha256:", "")
}

impl RowCache {
    /// Opens a cache of at most `budget` bytes in `directory`, which is made when it is missing.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub fn open(directory: &Path, budget: u64) -> Result<Self, WorkerError> {
        fs::create_dir_all(directory).map_err(|e| failed(directory, e))?;
        Ok(Self {
            directory: directory.to_owned(),
            budget,
            used: AtomicU64::new(0),
            serial: AtomicU64::new(0),
        })
    }

    /// Pushes the rows kept under `key` into `sink`; none when they are not here.
    ///
    /// # Errors
    /// When the file cannot be read, or the sink fails.
    pub(super) fn read(&self, key: &str, sink: &mut dyn RowSink) -> Result<Option<Tally>, WorkerError> {
        let path = self.directory.join(key);
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(failed(&path, e)),
        };
        let contents = read_contents(&mut file).map_err(|e| failed(&path, e))?;
        let mut numbers = Vec::new();
        for record in &contents.records {
            if !sink.wants(record.layer as usize) {
                let bytes = (record.rows * record.width * size_of::<f32>()) as i64;
                file.seek_relative(bytes).map_err(|e| failed(&path, e))?;
                continue;
            }
            numbers.resize(record.rows * record.width, 0.0_f32);
            file.read_exact(bytemuck::cast_slice_mut(&mut numbers)).map_err(|e| failed(&path, e))?;
            let rows = ArrayView2::from_shape((record.rows, record.width), &numbers);
            let rows = rows.map_err(|e| failed(&path, io::Error::new(ErrorKind::InvalidData, e)))?;
            let columns = contents.columns.get(record.columns);
            let columns = columns.ok_or_else(|| failed(&path, io::Error::from(ErrorKind::InvalidData)))?;
            sink.rows(record.layer as usize, rows, columns)?;
        }
        Ok(Some(contents.tally))
    }

    /// Returns a sink that passes rows on to `sink` and keeps them while the budget lasts.
    pub(super) fn record<'a>(&'a self, key: &str, sink: &'a mut dyn RowSink) -> Recorder<'a> {
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        Recorder {
            cache: self,
            sink,
            target: self.directory.join(key),
            parts: self.directory.join(format!("{key}.{}.{serial}.part", std::process::id())),
            file: None,
            contents: Contents { tally: Tally::default(), columns: Vec::new(), records: Vec::new() },
            bytes: 0,
            full: false,
        }
    }

    /// Takes `bytes` from the budget, if they are left.
    fn reserve(&self, bytes: u64) -> bool {
        let within = |used: u64| used.checked_add(bytes).filter(|&sum| sum <= self.budget);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, within).is_ok()
    }
}

/// Passes rows on and writes them to a file beside.
pub(super) struct Recorder<'a> {
    cache: &'a RowCache,
    sink: &'a mut dyn RowSink,
    target: PathBuf,
    parts: PathBuf,
    file: Option<BufWriter<File>>,
    contents: Contents,
    bytes: u64,
    full: bool,
}

impl Recorder<'_> {
    fn keep(&mut self, layer: usize, rows: ArrayView2<'_, f32>, columns: &Columns) -> io::Result<()> {
        let size = 4 * rows.len() as u64;
        if self.full || !self.cache.reserve(size) {
            self.full = true;
            return Ok(());
        }
        self.bytes += size;
        if self.contents.columns.last() != Some(columns) {
            self.contents.columns.push(columns.clone());
        }
        let (n, width) = rows.dim();
        let columns = self.contents.columns.len() - 1;
        self.contents.records.push(Record { layer: layer as u32, rows: n, width, columns });
        let file = match &mut self.file {
            Some(file) => file,
            None => self.file.insert(BufWriter::with_capacity(1 << 20, File::create(&self.parts)?)),
        };
        let rows = rows.as_standard_layout();
        file.write_all(bytemuck::cast_slice(rows.as_slice().unwrap_or(&[])))
    }

    /// Puts the file in place, unless the budget ran out half-way.
    pub(super) fn finish(mut self, tally: &Tally) -> Result<(), WorkerError> {
        let Some(numbers) = self.file.take() else { return Ok(()) };
        if self.full {
            drop(numbers);
            self.cache.used.fetch_sub(self.bytes, Ordering::Relaxed);
            return fs::remove_file(&self.parts).map_err(|e| failed(&self.parts, e));
        }
        self.contents.tally = *tally;
        self.seal(numbers).map_err(|e| failed(&self.parts, e))
    }

    /// Appends the table of contents and its length, then renames: a reader sees all of a file or none of it.
    fn seal(&mut self, mut file: BufWriter<File>) -> io::Result<()> {
        let contents =
            postcard::to_stdvec(&self.contents).map_err(|e| io::Error::new(ErrorKind::InvalidData, e))?;
        file.write_all(&contents)?;
        file.write_all(&(contents.len() as u64).to_le_bytes())?;
        file.into_inner().map_err(io::IntoInnerError::into_error)?;
        fs::rename(&self.parts, &self.target)
    }
}

impl RowSink for Recorder<'_> {
    fn rows(
        &mut self,
        layer: usize,
        rows: ArrayView2<'_, f32>,
        columns: &Columns,
    ) -> Result<(), WorkerError> {
        self.keep(layer, rows, columns).map_err(|e| failed(&self.parts, e))?;
        self.sink.rows(layer, rows, columns)
    }

    fn wide_rows(&mut self, rows: ArrayView2<'_, f64>, columns: &Columns) -> Result<(), WorkerError> {
        self.sink.wide_rows(rows, columns)
    }
}

/// Reads the table of contents at the end and leaves the file at its start.
fn read_contents(file: &mut File) -> io::Result<Contents> {
    let end = file.seek(SeekFrom::End(-8))?;
    let mut length = [0; 8];
    file.read_exact(&mut length)?;
    let length = u64::from_le_bytes(length);
    let start = end.checked_sub(length).ok_or_else(|| io::Error::from(ErrorKind::InvalidData))?;
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = vec![0; length as usize];
    file.read_exact(&mut bytes)?;
    file.seek(SeekFrom::Start(0))?;
    postcard::from_bytes(&bytes).map_err(|e| io::Error::new(ErrorKind::InvalidData, e))
}

fn failed(path: &Path, source: io::Error) -> WorkerError {
    WorkerError::RowCache { path: path.display().to_string(), source }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use ndarray::{Array2, array};

    #[derive(Default)]
    struct Seen(Vec<(usize, Array2<f32>, Columns)>);

    impl RowSink for Seen {
        fn rows(
            &mut self,
            layer: usize,
            rows: ArrayView2<'_, f32>,
            columns: &Columns,
        ) -> Result<(), WorkerError> {
            self.0.push((layer, rows.to_owned(), columns.clone()));
            Ok(())
        }

        fn wide_rows(&mut self, _: ArrayView2<'_, f64>, _: &Columns) -> Result<(), WorkerError> {
            Ok(())
        }
    }

    fn columns(first: i64) -> Columns {
        Columns { row: vec![first, first + 1], sentence: vec![0, 0], ..Columns::default() }
    }

    fn record(cache: &RowCache, key: &str) -> Seen {
        let mut seen = Seen::default();
        let mut recorder = cache.record(key, &mut seen);
        for (batch, first) in [(0.0_f32, 0_i64), (10.0, 2)] {
            for layer in 0..2 {
                let rows = array![[batch, layer as f32], [batch + 1.0, -1.5]];
                recorder.rows(layer, rows.view(), &columns(first)).unwrap();
            }
        }
        recorder.finish(&Tally { texts: 3, ..Tally::default() }).unwrap();
        seen
    }

    #[test]
    fn rows_come_back_in_the_batches_in_which_they_went() {
        let directory = tempfile::tempdir().unwrap();
        let cache = RowCache::open(directory.path(), 1 << 20).unwrap();
        let went = record(&cache, "k");
        let mut came = Seen::default();
        assert_eq!(cache.read("k", &mut came).unwrap().unwrap().texts, 3);
        assert_eq!(went.0, came.0);
        assert!(cache.read("other", &mut came).unwrap().is_none());
    }

    #[test]
    fn a_shard_beyond_the_budget_is_passed_on_but_not_kept() {
        let directory = tempfile::tempdir().unwrap();
        let cache = RowCache::open(directory.path(), 3 * 16).unwrap();
        assert_eq!(record(&cache, "k").0.len(), 4);
        assert!(cache.read("k", &mut Seen::default()).unwrap().is_none());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0, "nothing half-written is left");
        assert_eq!(cache.used.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_damaged_file_is_an_error_and_not_other_rows() {
        let directory = tempfile::tempdir().unwrap();
        let cache = RowCache::open(directory.path(), 1 << 20).unwrap();
        record(&cache, "k");
        let path = directory.path().join("k");
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() - 9]).unwrap();
        assert!(cache.read("k", &mut Seen::default()).is_err());
    }
}
