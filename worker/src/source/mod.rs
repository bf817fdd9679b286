//! Where rows come from: an encoder run over text, a precomputed matrix, or the cache of an earlier pass.

mod cache;
mod matrix;
mod text;

pub use cache::RowCache;

use crate::error::WorkerError;
use crate::models::Models;
use crate::rows::Columns;
use isoscope_core::plan::{Plan, Subject};
use isoscope_core::result::Tally;
use ndarray::ArrayView2;
use std::path::Path;

/// Receives the rows of a shard, batch by batch and layer by layer.
pub trait RowSink {
    /// Takes n×d rows of the `layer`-th layer of the subject.
    ///
    /// # Errors
    /// When the rows cannot be absorbed.
    fn rows(&mut self, layer: usize, rows: ArrayView2<'_, f32>, columns: &Columns)
    -> Result<(), WorkerError>;

    /// Takes rows of a matrix whose entries are f64.
    ///
    /// # Errors
    /// When the rows cannot be absorbed.
    fn wide_rows(&mut self, rows: ArrayView2<'_, f64>, columns: &Columns) -> Result<(), WorkerError>;
}

/// Everything that rows of a subject can come from.
pub struct Sources<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// The subject.
    pub subject: &'a Subject,
    /// Directory that relative sources are resolved against.
    pub base: &'a Path,
    /// Loaded encoders.
    pub models: &'a Models,
    /// Rows kept from earlier passes.
    pub cache: &'a RowCache,
}

impl Sources<'_> {
    /// Pushes the rows of a shard into `sink`: from the cache when they are there, else from the encoder or the file.
    ///
    /// # Errors
    /// When the source cannot be read or encoded, or the sink fails.
    pub fn shard(&self, shard: u64, sink: &mut dyn RowSink) -> Result<Tally, WorkerError> {
        let Some(model) = &self.subject.model else {
            return matrix::shard(self, shard, sink);
        };
        let key = cache::key(self.plan, self.subject, model, shard);
        if let Some(tally) = self.cache.read(&key, sink)? {
            return Ok(tally);
        }
        let loaded = self.models.get(model, self.base)?;
        if self.plan.stages < 2 {
            return text::shard(self, shard, &loaded, sink);
        }
        let mut recorder = self.cache.record(&key, sink);
        let tally = text::shard(self, shard, &loaded, &mut recorder)?;
        recorder.finish(&tally)?;
        Ok(tally)
    }
}
