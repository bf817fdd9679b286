//! Where rows come from: an encoder run over text, a precomputed matrix, or the cache of an earlier pass.

mod cache;
mod matrix;
mod pair;
mod text;

pub use cache::RowCache;
pub(crate) use text::{Batch, Packer, Packing, forward};

use crate::error::WorkerError;
use crate::models::Models;
use crate::rows::Columns;
use isoscope_core::catalogue::Needs;
use isoscope_core::plan::{Plan, Subject};
use isoscope_core::result::Tally;
use isoscope_encoders::DeviceStates;
use ndarray::ArrayView2;
use std::path::Path;

/// Receives the rows of a shard, batch by batch and layer by layer.
pub trait RowSink {
    /// Tells whether anybody looks at the rows of the `layer`-th layer of the subject; rows that nobody wants need not be read.
    fn wants(&self, layer: usize) -> bool {
        let _ = layer;
        true
    }

    /// Takes n×d rows of the `layer`-th layer of the subject.
    ///
    /// # Errors
    /// When the rows cannot be absorbed.
    fn rows(&mut self, layer: usize, rows: ArrayView2<'_, f32>, columns: &Columns)
    -> Result<(), WorkerError>;

    /// Takes the rows of the `layer`-th layer that `kept` names where they are, on a device of its own; false when the rows
    /// themselves are wanted.
    ///
    /// # Errors
    /// When the rows cannot be absorbed.
    fn device_rows(
        &mut self,
        layer: usize,
        states: &DeviceStates<'_>,
        kept: &[u32],
    ) -> Result<bool, WorkerError> {
        let _ = (layer, states, kept);
        Ok(false)
    }

    /// Takes rows of a matrix whose entries are f64.
    ///
    /// # Errors
    /// When the rows cannot be absorbed.
    fn wide_rows(&mut self, rows: ArrayView2<'_, f64>, columns: &Columns) -> Result<(), WorkerError>;

    /// Takes the row-aligned rows of two clouds, n×d each, pooled already, that meet in a slot of the subject's layers.
    ///
    /// # Errors
    /// When the rows cannot be absorbed, or the sink takes one cloud only.
    fn pair(
        &mut self,
        slot: usize,
        left: ArrayView2<'_, f64>,
        right: ArrayView2<'_, f64>,
        columns: &Columns,
    ) -> Result<(), WorkerError> {
        let _ = (slot, left, right, columns);
        Err(WorkerError::task("rows of two clouds where one was expected"))
    }
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

impl<'a> Sources<'a> {
    /// The same sources for another subject of the plan.
    fn of<'b>(&self, subject: &'b Subject) -> Sources<'b>
    where
        'a: 'b,
    {
        Sources { plan: self.plan, subject, base: self.base, models: self.models, cache: self.cache }
    }

    /// Tells whether a later pass may want the rows again: one that is planned, or one that an op or a fit may ask for.
    fn are_kept(&self) -> bool {
        let on_rows = |needs: Needs| needs == Needs::Rows;
        self.plan.stages > 1
            || self.plan.ops.iter().any(|op| on_rows(op.needs))
            || self.plan.nodes.iter().filter_map(|node| node.step.as_ref()).any(|step| on_rows(step.needs))
    }

    /// Pushes the rows of a shard into `sink`: from the cache when they are there, else from the encoder or the file.
    ///
    /// # Errors
    /// When the source cannot be read or encoded, or the sink fails.
    pub fn shard(&self, shard: u64, sink: &mut dyn RowSink) -> Result<Tally, WorkerError> {
        if let Some(partner) = &self.subject.partner {
            return pair::shard(self, partner, shard, sink);
        }
        let Some(model) = &self.subject.model else {
            return matrix::shard(self, shard, sink);
        };
        let key = cache::key(self.plan, self.subject, model, shard);
        if let Some(tally) = self.cache.read(&key, sink)? {
            return Ok(tally);
        }
        let loaded = self.models.get(model, self.plan.study.representation.dtype, self.base)?;
        // A GPU computes rows faster than a disk gives them back.
        if self.plan.on_gpu() || !self.are_kept() {
            return text::shard(self, shard, &loaded, sink);
        }
        let mut recorder = self.cache.record(&key, sink);
        let tally = text::shard(self, shard, &loaded, &mut recorder)?;
        recorder.finish(&tally)?;
        Ok(tally)
    }
}
