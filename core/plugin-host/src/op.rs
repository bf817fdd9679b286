//! An opened op.

use core::ptr;
use core::sync::atomic::{AtomicBool, Ordering};
use std::fmt;
use std::sync::Arc;

use isoscope_plugin_abi as abi;

use crate::op_error::{Blame, OpError};
use crate::receiver::{Receiver, sink};
use crate::run::Run;
use crate::services::{HostServices, HostTables};
use crate::table::OpTable;
use crate::{Collected, Finished, MomentsView};

/// What an op is told before the first batch; the same for all shards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpInput {
    /// Width of each view.
    pub cols: Vec<usize>,
    /// Rows over all shards; 0 when unknown.
    pub rows: u64,
    /// Seed of all randomness.
    pub seed: u64,
}

/// The map y = a·x + c.
#[derive(Debug, Clone, PartialEq)]
pub struct AffineMap {
    /// Output columns.
    pub rows: usize,
    /// Columns.
    pub cols: usize,
    /// rows×cols, row-major.
    pub a: Vec<f64>,
    /// rows.
    pub c: Vec<f64>,
}

/// An opened op: immutable, shared by threads, cheap to clone, closed with its last clone and run.
#[derive(Clone)]
pub struct Op(Arc<Opened>);

/// What the clones and runs of an op share.
pub(crate) struct Opened {
    pub(crate) table: OpTable,
    pub(crate) blame: Blame,
    pub(crate) cols: Vec<usize>,
    handle: *mut abi::iso_op,
    poisoned: AtomicBool,
    /// Outlives the handle: fields are dropped after `drop` has closed it.
    _host: HostTables,
}

// SAFETY: an iso_op is immutable and shared by threads (rule 4 of the header); everything else is Send and Sync.
unsafe impl Send for Opened {}
// SAFETY: as above.
unsafe impl Sync for Opened {}

impl Drop for Opened {
    fn drop(&mut self) {
        if let Some(close) = self.table.calls.close {
            // SAFETY: the handle came from open, and nobody uses it any more.
            unsafe { close(self.handle) };
        }
    }
}

impl fmt::Debug for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Blame { plugin, op } = &self.0.blame;
        f.debug_struct("Op").field("plugin", plugin).field("op", op).finish_non_exhaustive()
    }
}

impl Opened {
    /// Refuses a poisoned op.
    pub(crate) fn alive(&self) -> Result<(), OpError> {
        if self.poisoned.load(Ordering::Acquire) { Err(self.blame.poisoned()) } else { Ok(()) }
    }

    /// Turns a status into a result; a panic poisons the op.
    fn check(&self, status: abi::iso_status, err: &abi::iso_err) -> Result<(), OpError> {
        if status == abi::ISO_PANIC {
            self.poisoned.store(true, Ordering::Release);
        }
        self.blame.check(status, err)
    }
}

impl Op {
    pub(crate) fn open(
        table: OpTable,
        blame: Blame,
        services: Arc<dyn HostServices>,
        input: &OpInput,
        params_json: &str,
    ) -> Result<Self, OpError> {
        let host = HostTables::new(services);
        let widths: Vec<u64> = input.cols.iter().map(|&cols| cols as u64).collect();
        let raw = abi::iso_input {
            struct_size: size_of::<abi::iso_input>() as u32,
            n_views: widths.len() as u32,
            cols: widths.as_ptr(),
            rows: input.rows,
            seed: input.seed,
        };
        let open = table.calls.open.ok_or_else(|| blame.unsupported("open"))?;
        let (mut handle, mut err) = (ptr::null_mut(), abi::iso_err::new());
        let params = abi::iso_bytes::of(params_json.as_bytes());
        // SAFETY: the header's contract of open; the host's tables outlive the op.
        let status = unsafe { open(host.host(), &raw const raw, params, &raw mut handle, &raw mut err) };
        blame.check(status, &err)?;
        if handle.is_null() {
            return Err(blame.failed("open succeeded without an op"));
        }
        let cols = input.cols.clone();
        let opened = Opened { table, blame, cols, handle, poisoned: AtomicBool::new(false), _host: host };
        Ok(Self(Arc::new(opened)))
    }

    /// Returns the id of the op.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0.blame.op
    }

    /// Returns whether the op reads moments ([`Op::measure`]).
    #[must_use]
    pub fn can_measure(&self) -> bool {
        self.0.table.moments.is_some_and(|moments| moments.measure.is_some())
    }

    /// Returns whether the op maps rows ([`Run::apply`]).
    #[must_use]
    pub fn can_apply(&self) -> bool {
        self.0.table.calls.apply.is_some()
    }

    /// Starts a run under a model; the first model is empty.
    ///
    /// # Errors
    /// What the op answers. The same holds for every function of an op and of a run.
    pub fn begin(&self, model: &[u8], pass: u32) -> Result<Run, OpError> {
        let op = &self.0;
        op.alive()?;
        let begin = op.table.calls.begin.ok_or_else(|| op.blame.unsupported("begin"))?;
        let (mut handle, mut err) = (ptr::null_mut(), abi::iso_err::new());
        // SAFETY: the header's contract of begin.
        let status =
            unsafe { begin(op.handle, abi::iso_bytes::of(model), pass, &raw mut handle, &raw mut err) };
        op.check(status, &err)?;
        if handle.is_null() {
            return Err(op.blame.failed("begin succeeded without a run"));
        }
        Ok(Run::new(Arc::clone(op), handle))
    }

    /// Gives the merged moments to the op; takes the place of a pass. `again` asks for pass 1 over the rows.
    ///
    /// # Errors
    /// [`OpError::Unsupported`] when the op reads no moments; [`OpError::Invalid`] for moments of another width or
    /// without a part that the op needs; else what the op answers.
    pub fn measure(&self, moments: &MomentsView<'_>, out: &mut Collected) -> Result<Finished, OpError> {
        let op = &self.0;
        op.alive()?;
        let measure = op.table.moments.and_then(|moments| moments.measure);
        let measure = measure.ok_or_else(|| op.blame.unsupported("it reads no moments"))?;
        moments.check(&op.cols, &op.table.manifest, &op.blame)?;
        let context = moments.context();
        let raw = moments.raw(&context);
        let finished = op.collect(out, |out, model, again, err| {
            // SAFETY: the header's contract of measure; everything lives for the call.
            unsafe { measure(op.handle, &raw const raw, out, model, again, err) }
        });
        if matches!(finished, Err(OpError::Panicked { .. })) {
            op.poisoned.store(true, Ordering::Release);
        }
        finished
    }

    /// Returns the width of the rows that the op writes for rows of width `cols`.
    ///
    /// # Errors
    /// [`OpError::Invalid`] for another width than the op was opened with; else what the op answers.
    pub fn output_cols(&self, model: &[u8], cols: usize) -> Result<usize, OpError> {
        let op = &self.0;
        op.alive()?;
        op.check_width(cols)?;
        let Some(output_cols) = op.table.enhance.and_then(|enhance| enhance.output_cols) else {
            return Ok(cols);
        };
        let (mut width, mut err) = (cols as u64, abi::iso_err::new());
        // SAFETY: the header's contract of output_cols.
        let status =
            unsafe { output_cols(op.handle, abi::iso_bytes::of(model), &raw mut width, &raw mut err) };
        op.check(status, &err)?;
        usize::try_from(width).map_err(|_| op.blame.failed(format!("the output width {width} is too large")))
    }

    /// Returns the map of a model as a matrix; `None` when it is not affine.
    ///
    /// # Errors
    /// As [`Op::output_cols`]; [`OpError::Failed`] for a number that is not finite.
    pub fn affine(&self, model: &[u8], cols: usize) -> Result<Option<AffineMap>, OpError> {
        let op = &self.0;
        let rows = self.output_cols(model, cols)?;
        let Some(affine) = op.table.enhance.and_then(|enhance| enhance.affine) else { return Ok(None) };
        let size = rows.checked_mul(cols).ok_or_else(|| op.blame.failed("the affine form is too large"))?;
        let mut map = AffineMap { rows, cols, a: vec![0.0; size], c: vec![0.0; rows] };
        let mut err = abi::iso_err::new();
        let model = abi::iso_bytes::of(model);
        // SAFETY: the header's contract of affine: output_cols × cols and output_cols numbers.
        let status =
            unsafe { affine(op.handle, model, map.a.as_mut_ptr(), map.c.as_mut_ptr(), &raw mut err) };
        if status == abi::ISO_UNSUPPORTED {
            return Ok(None);
        }
        op.check(status, &err)?;
        if map.a.iter().chain(&map.c).any(|value| !value.is_finite()) {
            return Err(op.blame.failed("its affine form has a number that is not finite"));
        }
        Ok(Some(map))
    }
}

impl Opened {
    fn check_width(&self, cols: usize) -> Result<(), OpError> {
        if self.cols.first() == Some(&cols) {
            return Ok(());
        }
        Err(self.blame.invalid(format!("rows of width {cols}, the op was opened for {:?}", self.cols)))
    }

    /// Calls `finish` or `measure` and collects what it writes. Nothing is added to `out` when it fails.
    pub(crate) fn collect(
        &self,
        out: &mut Collected,
        call: impl FnOnce(*const abi::iso_out, abi::iso_sink, *mut u32, *mut abi::iso_err) -> abi::iso_status,
    ) -> Result<Finished, OpError> {
        let mut receiver = Receiver::new(&self.table.manifest);
        let (mut model, mut again, mut err) = (Vec::new(), 0, abi::iso_err::new());
        let raw = receiver.raw();
        let status = call(&raw const raw, sink(&mut model), &raw mut again, &raw mut err);
        if let Some(reason) = receiver.refused.take_if(|_| status != abi::ISO_PANIC) {
            return Err(self.blame.failed(reason));
        }
        self.blame.check(status, &err)?;
        out.rows.append(&mut receiver.collected.rows);
        out.series.append(&mut receiver.collected.series);
        Ok(Finished { model, again: again != 0 })
    }
}
