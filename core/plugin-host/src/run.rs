//! A run of an op over a shard or a reduction.

use core::sync::atomic::{AtomicBool, Ordering};
use std::fmt;
use std::sync::Arc;

use isoscope_plugin_abi as abi;

use crate::batch::raw_matrix;
use crate::op::Opened;
use crate::op_error::OpError;
use crate::receiver::sink;
use crate::{BatchView, Collected, Finished};

/// A run: used by one thread at a time, it may move between threads. It keeps its op open.
pub struct Run {
    op: Arc<Opened>,
    handle: *mut abi::iso_run,
    poisoned: AtomicBool,
}

// SAFETY: an iso_run may move between threads (rule 4 of the header).
unsafe impl Send for Run {}

impl Drop for Run {
    fn drop(&mut self) {
        if let Some(end) = self.op.table.calls.end {
            // SAFETY: the handle came from begin, and nobody uses it any more.
            unsafe { end(self.handle) };
        }
    }
}

impl fmt::Debug for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let blame = &self.op.blame;
        f.debug_struct("Run").field("plugin", &blame.plugin).field("op", &blame.op).finish_non_exhaustive()
    }
}

impl Run {
    pub(crate) fn new(op: Arc<Opened>, handle: *mut abi::iso_run) -> Self {
        Self { op, handle, poisoned: AtomicBool::new(false) }
    }

    /// Refuses a poisoned run.
    fn alive(&self) -> Result<(), OpError> {
        if self.poisoned.load(Ordering::Acquire) { Err(self.op.blame.poisoned()) } else { Ok(()) }
    }

    /// Passes a result on; a panic poisons the run.
    fn noted<A>(&self, result: Result<A, OpError>) -> Result<A, OpError> {
        if matches!(result, Err(OpError::Panicked { .. })) {
            self.poisoned.store(true, Ordering::Release);
        }
        result
    }

    /// Absorbs a batch into the state.
    ///
    /// # Errors
    /// [`OpError::Invalid`] for a batch whose buffers do not fit; else what the op answers.
    pub fn update(&mut self, batch: &BatchView<'_>) -> Result<(), OpError> {
        self.alive()?;
        let lists = batch.raw(&self.op.cols, &self.op.blame)?;
        let (raw, mut err) = (lists.head(), abi::iso_err::new());
        let update = self.op.table.calls.update.ok_or_else(|| self.op.blame.unsupported("update"))?;
        // SAFETY: the header's contract of update; the batch was checked and lives for the call.
        let status = unsafe { update(self.handle, &raw const raw, &raw mut err) };
        self.noted(self.op.blame.check(status, &err))
    }

    /// Returns the bytes of the state.
    ///
    /// # Errors
    /// What the op answers.
    pub fn save(&self) -> Result<Vec<u8>, OpError> {
        self.alive()?;
        let save = self.op.table.calls.save.ok_or_else(|| self.op.blame.unsupported("save"))?;
        let (mut bytes, mut err) = (Vec::new(), abi::iso_err::new());
        // SAFETY: the header's contract of save; the sink lives for the call.
        let status = unsafe { save(self.handle, sink(&mut bytes), &raw mut err) };
        self.noted(self.op.blame.check(status, &err))?;
        Ok(bytes)
    }

    /// Absorbs bytes that [`Run::save`] wrote under the same model; call it in the order of the shards.
    ///
    /// # Errors
    /// [`OpError::Invalid`] for bytes of another op; else what the op answers.
    pub fn merge(&mut self, state: &[u8]) -> Result<(), OpError> {
        self.alive()?;
        let merge = self.op.table.calls.merge.ok_or_else(|| self.op.blame.unsupported("merge"))?;
        let mut err = abi::iso_err::new();
        // SAFETY: the header's contract of merge.
        let status = unsafe { merge(self.handle, abi::iso_bytes::of(state), &raw mut err) };
        self.noted(self.op.blame.check(status, &err))
    }

    /// Turns the merged state into results, which are appended to `out`, and a model.
    ///
    /// # Errors
    /// [`OpError::Failed`] for a result that the manifest does not list; else what the op answers.
    pub fn finish(&mut self, out: &mut Collected) -> Result<Finished, OpError> {
        self.alive()?;
        let finish = self.op.table.calls.finish.ok_or_else(|| self.op.blame.unsupported("finish"))?;
        let finished = self.op.collect(out, |out, model, again, err| {
            // SAFETY: the header's contract of finish; everything lives for the call.
            unsafe { finish(self.handle, out, model, again, err) }
        });
        self.noted(finished)
    }

    /// Maps the rows of a batch under the model of this run into `out`, rows × `out_cols`, row-major.
    ///
    /// # Errors
    /// [`OpError::Unsupported`] when the op maps no rows; [`OpError::Invalid`] when `out` has another size; else what the
    /// op answers.
    pub fn apply(&self, batch: &BatchView<'_>, out: &mut [f64], out_cols: usize) -> Result<(), OpError> {
        self.alive()?;
        let blame = &self.op.blame;
        let apply = self.op.table.calls.apply.ok_or_else(|| blame.unsupported("it maps no rows"))?;
        let lists = batch.raw(&self.op.cols, blame)?;
        if batch.rows().checked_mul(out_cols) != Some(out.len()) {
            let (len, rows) = (out.len(), batch.rows());
            return Err(blame.invalid(format!("an output of {len} numbers for {rows} rows of {out_cols}")));
        }
        let (raw, mut err) = (lists.head(), abi::iso_err::new());
        let mut matrix = raw_matrix(out.as_mut_ptr(), batch.rows(), out_cols, out_cols);
        // SAFETY: the header's contract of apply; batch and output were checked and live for the call.
        let status = unsafe { apply(self.handle, &raw const raw, &raw mut matrix, &raw mut err) };
        self.noted(blame.check(status, &err))
    }

    /// Returns the size of the state in bytes as the op tells it; 0 when it does not.
    #[must_use]
    pub fn state_size(&self) -> u64 {
        match self.op.table.calls.state_size {
            // SAFETY: the header's contract of state_size.
            Some(state_size) if self.alive().is_ok() => unsafe { state_size(self.handle) },
            _ => 0,
        }
    }
}
