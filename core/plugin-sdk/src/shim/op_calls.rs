//! The functions that take an `iso_op`: open, close, begin, and those of the extensions.

use core::ptr::NonNull;
use core::slice;
use core::sync::atomic::AtomicBool;

use isoscope_plugin_abi as abi;

use super::codec::{encode, write};
use super::guard::{drop_quietly, guarded};
use super::handle::{OpHandle, RunHandle};
use super::moments::RawMoments;
use super::out::RawOut;
use crate::op::unsupported;
use crate::{Error, Host, Input, Next, Op, Out, Params, Result};

/// `iso_op_vtable.open`.
///
/// # Safety
/// The header's contract. The same holds for every function of this file.
pub(crate) unsafe extern "C" fn open<T: Op>(
    host: *const abi::iso_host,
    input: *const abi::iso_input,
    params_json: abi::iso_bytes,
    out: *mut *mut abi::iso_op,
    err: *mut abi::iso_err,
) -> abi::iso_status {
    let call = || {
        let host =
            NonNull::new(host.cast_mut()).ok_or_else(|| Error::invalid("the host passed no iso_host"))?;
        // SAFETY: the host outlives the op (rule 4).
        let host = unsafe { Host::from_raw(host) };
        // SAFETY: the header's contract of open.
        let input = unsafe { read_input(input) }?;
        let views = T::META.views as usize;
        if input.cols.len() != views {
            let got = input.cols.len();
            return Err(Error::Invalid(format!("{} reads {views} views, the host gives {got}", T::META.id)));
        }
        // SAFETY: the header's contract of open.
        let params = core::str::from_utf8(unsafe { params_json.as_slice() })
            .map_err(|_| Error::invalid("the parameters are not UTF-8"))?;
        let op = T::open(T::Params::from_json(params)?, &input, &host)?;
        let handle = OpHandle::new(op, input.cols);
        // SAFETY: the header's contract of open: `out` is valid for writing.
        unsafe { out.write(handle.into_raw()) };
        Ok(())
    };
    // SAFETY: the header's contract of open.
    unsafe { guarded(err, &AtomicBool::new(false), call) }
}

unsafe fn read_input(raw: *const abi::iso_input) -> Result<Input> {
    // SAFETY: the header's contract of open.
    let raw = unsafe { raw.as_ref() }.ok_or_else(|| Error::invalid("the host passed no iso_input"))?;
    if (raw.struct_size as usize) < size_of::<abi::iso_input>() || (raw.n_views > 0 && raw.cols.is_null()) {
        return Err(Error::invalid("the host passed a malformed iso_input"));
    }
    let cols = match raw.n_views {
        0 => &[],
        // SAFETY: `cols` holds `n_views` widths, and is not null.
        n => unsafe { slice::from_raw_parts(raw.cols, n as usize) },
    };
    let cols = cols.iter().map(|&width| usize::try_from(width).ok()).collect::<Option<_>>();
    let cols = cols.ok_or_else(|| Error::invalid("a width does not fit this machine"))?;
    Ok(Input { cols, rows: raw.rows, seed: raw.seed })
}

/// `iso_op_vtable.close`.
pub(crate) unsafe extern "C" fn close<T: Op>(op: *mut abi::iso_op) {
    if !op.is_null() {
        // SAFETY: the header's contract of close.
        drop_quietly(unsafe { OpHandle::<T>::close(op) });
    }
}

/// `iso_op_vtable.begin`.
pub(crate) unsafe extern "C" fn begin<T: Op>(
    op: *const abi::iso_op,
    model: abi::iso_bytes,
    pass: u32,
    out: *mut *mut abi::iso_run,
    err: *mut abi::iso_err,
) -> abi::iso_status {
    // SAFETY: the header's contract of begin.
    let handle = unsafe { OpHandle::<T>::share(op) };
    let shared = handle.clone();
    let call = || {
        // SAFETY: the header's contract of begin.
        let model = handle.model(unsafe { model.as_slice() })?;
        let state = Some(handle.op.begin(&model, pass)?);
        let run = RunHandle { op: handle, model, state, poisoned: AtomicBool::new(false) };
        // SAFETY: the header's contract of begin: `out` is valid for writing.
        unsafe { out.write(run.into_raw()) };
        Ok(())
    };
    // SAFETY: the header's contract of begin.
    unsafe { guarded(err, &shared.poisoned, call) }
}

/// `iso_moments_ops.measure`.
pub(crate) unsafe extern "C" fn measure<T: Op>(
    op: *const abi::iso_op,
    moments: *const abi::iso_moments,
    out: *const abi::iso_out,
    model: abi::iso_sink,
    again: *mut u32,
    err: *mut abi::iso_err,
) -> abi::iso_status {
    // SAFETY: the header's contract of measure.
    let handle = unsafe { OpHandle::<T>::borrow(op) };
    let call = || {
        // SAFETY: the header's contract of measure; the same for `out` and the raw views below.
        let moments =
            unsafe { moments.as_ref() }.ok_or_else(|| Error::invalid("the host passed no moments"))?;
        // SAFETY: as above.
        let moments = unsafe { RawMoments::new(moments, &handle.cols) }?;
        let moments = moments.view()?;
        // SAFETY: as above.
        let mut receiver = unsafe { raw_out(out) }?;
        let next = handle.op.measure(&moments, &mut Out::new(&mut receiver, moments.n()))?;
        // SAFETY: as above.
        unsafe { answer(&next, model, again) }
    };
    // SAFETY: the header's contract of measure.
    unsafe { guarded(err, &handle.poisoned, call) }
}

/// Wraps the host's receiver.
pub(crate) unsafe fn raw_out<'a>(out: *const abi::iso_out) -> Result<RawOut<'a>> {
    // SAFETY: the header's contract of finish and measure.
    let out = unsafe { out.as_ref() }.ok_or_else(|| Error::invalid("the host passed no iso_out"))?;
    // SAFETY: as above.
    unsafe { RawOut::new(out) }
}

/// Writes the next model and whether another pass follows.
pub(crate) unsafe fn answer<M: serde::Serialize>(
    next: &Next<M>,
    sink: abi::iso_sink,
    again: *mut u32,
) -> Result<()> {
    let (model, another) = match next {
        Next::Done(model) => (model, 0),
        Next::Again(model) => (model, 1),
    };
    // SAFETY: the header's contract of finish and measure.
    unsafe { write(sink, &encode(model)?) }?;
    if !again.is_null() {
        // SAFETY: as above; it is not null.
        unsafe { again.write(another) };
    }
    Ok(())
}

/// `iso_enhance_ops.output_cols`.
pub(crate) unsafe extern "C" fn output_cols<T: Op>(
    op: *const abi::iso_op,
    model: abi::iso_bytes,
    cols: *mut u64,
    err: *mut abi::iso_err,
) -> abi::iso_status {
    // SAFETY: the header's contract of output_cols.
    let handle = unsafe { OpHandle::<T>::borrow(op) };
    let call = || {
        // SAFETY: as above.
        let model = handle.model(unsafe { model.as_slice() })?;
        let width = handle.op.output_cols(&model, handle.cols.first().copied().unwrap_or(0))?;
        // SAFETY: as above: `cols` is valid for writing.
        unsafe { cols.write(width as u64) };
        Ok(())
    };
    // SAFETY: the header's contract of output_cols.
    unsafe { guarded(err, &handle.poisoned, call) }
}

/// `iso_enhance_ops.affine`.
pub(crate) unsafe extern "C" fn affine<T: Op>(
    op: *const abi::iso_op,
    model: abi::iso_bytes,
    a: *mut f64,
    c: *mut f64,
    err: *mut abi::iso_err,
) -> abi::iso_status {
    // SAFETY: the header's contract of affine.
    let handle = unsafe { OpHandle::<T>::borrow(op) };
    let call = || {
        // SAFETY: as above.
        let model = handle.model(unsafe { model.as_slice() })?;
        let cols = handle.cols.first().copied().unwrap_or(0);
        let width = handle.op.output_cols(&model, cols)?;
        let map = handle.op.affine(&model)?.ok_or_else(|| unsupported(T::META.id, "have an affine form"))?;
        if map.a.dim() != (width, cols) || map.c.len() != width {
            let ((rows, columns), len) = (map.a.dim(), map.c.len());
            return Err(Error::Failed(format!(
                "the affine form has a matrix of {rows}×{columns} and an offset of {len}, not {width}×{cols} and {width}"
            )));
        }
        // SAFETY: the host allocated output_cols × cols and output_cols values.
        unsafe {
            map.a.iter().enumerate().for_each(|(i, &value)| a.add(i).write(value));
            map.c.iter().enumerate().for_each(|(i, &value)| c.add(i).write(value));
        }
        Ok(())
    };
    // SAFETY: the header's contract of affine.
    unsafe { guarded(err, &handle.poisoned, call) }
}
