//! Receives results and bytes from a plugin during a call.

use core::ffi::c_void;
use core::slice;

use isoscope_plugin_abi as abi;

use crate::manifest::OpManifest;
use crate::{Collected, OutRow, OutSeries};

/// Status of a result for which a plugin handed over a NaN or an infinity instead of a reason.
pub const NOT_FINITE: &str = "the plugin returned a value that is not finite";

/// Receives the results of one call of an op.
pub(crate) struct Receiver<'a> {
    op: &'a OpManifest,
    pub(crate) collected: Collected,
    /// Why the first refused result was refused.
    pub(crate) refused: Option<String>,
}

impl<'a> Receiver<'a> {
    pub(crate) fn new(op: &'a OpManifest) -> Self {
        Self { op, collected: Collected::default(), refused: None }
    }

    /// Returns the C struct; it is valid while `self` is not moved.
    pub(crate) fn raw(&mut self) -> abi::iso_out {
        abi::iso_out {
            struct_size: size_of::<abi::iso_out>() as u32,
            reserved: 0,
            ctx: (&raw mut *self).cast(),
            row: Some(row),
            series: Some(series),
        }
    }

    fn admit(&mut self, metric: &str) -> bool {
        let declared = self.op.declares(metric);
        if !declared && self.refused.is_none() {
            self.refused =
                Some(format!("it returned \"{metric}\", which the outputs of its manifest do not list"));
        }
        declared
    }
}

/// Copies a text of a plugin; what is not UTF-8 is replaced.
unsafe fn text(bytes: abi::iso_bytes) -> String {
    // SAFETY: the header's contract: the text is borrowed for the call.
    String::from_utf8_lossy(unsafe { bytes.as_slice() }).into_owned()
}

unsafe extern "C" fn row(ctx: *mut c_void, row: *const abi::iso_row) -> i32 {
    // SAFETY: the context is the receiver of this call, which is used by one thread at a time.
    let receiver = unsafe { &mut *ctx.cast::<Receiver<'_>>() };
    // SAFETY: the header's contract of iso_row.
    let Some(row) = (unsafe { row.as_ref() }) else { return 1 };
    if (row.struct_size as usize) < size_of::<abi::iso_row>() {
        receiver.refused = Some("it returned a row that is shorter than ABI 1.0 says".to_owned());
        return 1;
    }
    // SAFETY: as above.
    let (metric, part, mut status) = unsafe { (text(row.metric), text(row.part), text(row.status)) };
    if !receiver.admit(&metric) {
        return 1;
    }
    if status.is_empty() && !row.value.is_finite() {
        NOT_FINITE.clone_into(&mut status);
    }
    let value = status.is_empty().then_some(row.value);
    let std_err = (value.is_some() && row.std_err.is_finite()).then_some(row.std_err);
    receiver.collected.rows.push(OutRow { metric, part, value, status: or_ok(status), std_err, n: row.n });
    0
}

unsafe extern "C" fn series(ctx: *mut c_void, series: *const abi::iso_series) -> i32 {
    // SAFETY: the context is the receiver of this call, which is used by one thread at a time.
    let receiver = unsafe { &mut *ctx.cast::<Receiver<'_>>() };
    // SAFETY: the header's contract of iso_series.
    let Some(series) = (unsafe { series.as_ref() }) else { return 1 };
    if (series.struct_size as usize) < size_of::<abi::iso_series>() {
        receiver.refused = Some("it returned a series that is shorter than ABI 1.0 says".to_owned());
        return 1;
    }
    // SAFETY: as above.
    let (metric, part, mut status) = unsafe { (text(series.metric), text(series.part), text(series.status)) };
    if !receiver.admit(&metric) {
        return 1;
    }
    let empty = series.len == 0 || series.values.is_null() || !series.values.is_aligned();
    let mut values = match usize::try_from(series.len) {
        // SAFETY: the series holds `len` values; the pointer is neither null nor misaligned.
        Ok(len) if !empty => unsafe { slice::from_raw_parts(series.values, len) }.to_vec(),
        _ => Vec::new(),
    };
    if status.is_empty() && values.iter().any(|value| !value.is_finite()) {
        NOT_FINITE.clone_into(&mut status);
    }
    if !status.is_empty() {
        values.clear();
    }
    receiver.collected.series.push(OutSeries { metric, part, status: or_ok(status), values, n: series.n });
    0
}

fn or_ok(status: String) -> String {
    if status.is_empty() { "ok".to_owned() } else { status }
}

/// Makes a sink that appends to `bytes`; it is valid while `bytes` is not moved.
pub(crate) fn sink(bytes: &mut Vec<u8>) -> abi::iso_sink {
    abi::iso_sink { ctx: (&raw mut *bytes).cast(), write: Some(append) }
}

unsafe extern "C" fn append(ctx: *mut c_void, bytes: *const u8, len: usize) -> i32 {
    // SAFETY: the context is the vector of this call; the bytes are borrowed for the call.
    unsafe {
        let target = &mut *ctx.cast::<Vec<u8>>();
        if target.try_reserve(len).is_err() {
            return 1;
        }
        target.extend_from_slice(abi::iso_bytes { ptr: bytes, len }.as_slice());
    }
    0
}
