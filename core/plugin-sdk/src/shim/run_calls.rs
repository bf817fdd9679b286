//! The functions that take an `iso_run`.

use isoscope_plugin_abi as abi;

use super::batch::{output, read, widen};
use super::codec::{decode, encode, write};
use super::guard::{drop_quietly, guarded};
use super::handle::RunHandle;
use super::op_calls::{answer, raw_out};
use crate::{Batch, Error, Op, Out, Result};

fn finished() -> Error {
    Error::invalid("the run is finished: its state is gone")
}

/// Borrows the run for a call that changes its state: model, op and flag stay shared, the state is exclusive.
macro_rules! with_state {
    ($run:expr, $T:ident, $err:expr, |$handle:ident, $state:ident| $body:expr) => {{
        // SAFETY: the header's contract: the run is live, and no other thread uses it.
        let run: &mut RunHandle<$T> = unsafe { &mut *$run.cast::<RunHandle<$T>>() };
        let RunHandle { op: $handle, model, state: $state, poisoned } = run;
        let $handle = (&**$handle, &**model);
        let call = || $body;
        // SAFETY: the header's contract: `err` is null or valid for writing.
        unsafe { guarded($err, poisoned, call) }
    }};
}

/// `iso_op_vtable.end`.
///
/// # Safety
/// The header's contract. The same holds for every function of this file.
pub(crate) unsafe extern "C" fn end<T: Op>(run: *mut abi::iso_run) {
    if !run.is_null() {
        // SAFETY: the header's contract of end.
        drop_quietly(unsafe { RunHandle::<T>::end(run) });
    }
}

/// `iso_op_vtable.update`.
pub(crate) unsafe extern "C" fn update<T: Op>(
    run: *mut abi::iso_run,
    batch: *const abi::iso_batch,
    err: *mut abi::iso_err,
) -> abi::iso_status {
    with_state!(run, T, err, |handle, state| {
        let (op, model) = handle;
        let state = state.as_mut().ok_or_else(finished)?;
        // SAFETY: the header's contract of update.
        unsafe { with_batch(batch, &op.cols, |batch| op.op.update(model, state, batch)) }
    })
}

/// Reads a batch and hands it on.
unsafe fn with_batch(
    batch: *const abi::iso_batch,
    cols: &[usize],
    call: impl FnOnce(&Batch<'_>) -> Result<()>,
) -> Result<()> {
    // SAFETY: the header's contract of update and apply.
    let raw = unsafe { batch.as_ref() }.ok_or_else(|| Error::invalid("the host passed no batch"))?;
    // SAFETY: as above.
    let widened = unsafe { widen(raw) }?;
    // SAFETY: as above.
    let batch = unsafe { read(raw, &widened, cols) }?;
    call(&batch)
}

/// `iso_op_vtable.save`.
pub(crate) unsafe extern "C" fn save<T: Op>(
    run: *const abi::iso_run,
    state: abi::iso_sink,
    err: *mut abi::iso_err,
) -> abi::iso_status {
    // SAFETY: the header's contract of save.
    let handle = unsafe { RunHandle::<T>::borrow(run) };
    let call = || {
        let bytes = encode(handle.state.as_ref().ok_or_else(finished)?)?;
        // SAFETY: the header's contract of save.
        unsafe { write(state, &bytes) }
    };
    // SAFETY: the header's contract of save.
    unsafe { guarded(err, &handle.poisoned, call) }
}

/// `iso_op_vtable.merge`.
pub(crate) unsafe extern "C" fn merge<T: Op>(
    run: *mut abi::iso_run,
    bytes: abi::iso_bytes,
    err: *mut abi::iso_err,
) -> abi::iso_status {
    with_state!(run, T, err, |handle, state| {
        let (op, model) = handle;
        let state = state.as_mut().ok_or_else(finished)?;
        // SAFETY: the header's contract of merge.
        let other = decode(unsafe { bytes.as_slice() }, "state")?;
        op.op.merge(model, state, other)
    })
}

/// `iso_op_vtable.finish`.
pub(crate) unsafe extern "C" fn finish<T: Op>(
    run: *mut abi::iso_run,
    out: *const abi::iso_out,
    sink: abi::iso_sink,
    again: *mut u32,
    err: *mut abi::iso_err,
) -> abi::iso_status {
    with_state!(run, T, err, |handle, state| {
        let (op, model) = handle;
        let state = state.take().ok_or_else(finished)?;
        // SAFETY: the header's contract of finish.
        let mut receiver = unsafe { raw_out(out) }?;
        let next = op.op.finish(model, state, &mut Out::new(&mut receiver, 0))?;
        // SAFETY: the header's contract of finish.
        unsafe { answer(&next, sink, again) }
    })
}

/// `iso_op_vtable.apply`.
pub(crate) unsafe extern "C" fn apply<T: Op>(
    run: *const abi::iso_run,
    batch: *const abi::iso_batch,
    out: *mut abi::iso_matrix,
    err: *mut abi::iso_err,
) -> abi::iso_status {
    // SAFETY: the header's contract of apply.
    let handle = unsafe { RunHandle::<T>::borrow(run) };
    let call = || {
        // SAFETY: the header's contract of apply.
        let raw = unsafe { out.as_ref() }.ok_or_else(|| Error::invalid("the host passed no output"))?;
        let (op, model) = (&handle.op, &handle.model);
        let apply = |batch: &Batch<'_>| {
            // SAFETY: the header's contract of apply: the host allocated the output, nobody else uses it.
            let y = unsafe { output(raw, batch.len()) }?;
            let width = op.op.output_cols(model, op.cols.first().copied().unwrap_or(0))?;
            if y.ncols() != width {
                let got = y.ncols();
                return Err(Error::Invalid(format!("the output is {got} wide, this model writes {width}")));
            }
            op.op.apply(model, batch, y)
        };
        // SAFETY: the header's contract of apply.
        unsafe { with_batch(batch, &op.cols, apply) }
    };
    // SAFETY: the header's contract of apply.
    unsafe { guarded(err, &handle.poisoned, call) }
}

/// `iso_op_vtable.state_size`: the bytes of the encoded state; 0 when there is none.
pub(crate) unsafe extern "C" fn state_size<T: Op>(run: *const abi::iso_run) -> u64 {
    // SAFETY: the header's contract of state_size.
    let handle = unsafe { RunHandle::<T>::borrow(run) };
    let mut size = 0;
    let call = || {
        if let Some(state) = &handle.state {
            let counted = postcard::experimental::serialized_size(state);
            size = counted.map_err(|error| Error::Failed(error.to_string()))?;
        }
        Ok(())
    };
    // SAFETY: there is no message to write.
    let status = unsafe { guarded(core::ptr::null_mut(), &handle.poisoned, call) };
    if status == abi::ISO_OK { size as u64 } else { 0 }
}
