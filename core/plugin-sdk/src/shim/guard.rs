//! Runs the author's code: errors become statuses, panics are caught and poison the handle.

use core::any::Any;
use core::sync::atomic::{AtomicBool, Ordering};
use std::panic::{AssertUnwindSafe, catch_unwind};

use isoscope_plugin_abi as abi;

use crate::{Error, Result};

/// Runs `call` unless the handle is poisoned.
///
/// # Safety
/// `err` is null or valid for writing.
pub(crate) unsafe fn guarded(
    err: *mut abi::iso_err,
    poisoned: &AtomicBool,
    call: impl FnOnce() -> Result<()>,
) -> abi::iso_status {
    if poisoned.load(Ordering::Acquire) {
        // SAFETY: passed on from the caller.
        unsafe { report(err, "the handle is poisoned by an earlier panic") };
        return abi::ISO_PANIC;
    }
    // Unwind safety: after a panic the handle is poisoned, so nobody sees what the call left half-changed.
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(())) => abi::ISO_OK,
        Ok(Err(error)) => {
            // SAFETY: passed on from the caller.
            unsafe { report_error(err, &error) };
            error.status()
        }
        Err(payload) => {
            poisoned.store(true, Ordering::Release);
            // SAFETY: passed on from the caller.
            unsafe { report(err, message_of(payload.as_ref())) };
            forget(payload);
            abi::ISO_PANIC
        }
    }
}

/// Drops a value of the author's; a panic in its destructor is swallowed, because `close` and `end` answer nothing.
pub(crate) fn drop_quietly<T>(value: T) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
        forget(payload);
    }
}

/// Forgets a payload: its destructor is the author's code too and could panic outside of the guard.
fn forget(payload: Box<dyn Any + Send>) {
    core::mem::forget(payload);
}

/// Writes an error.
///
/// # Safety
/// `err` is null or valid for writing.
pub(crate) unsafe fn report_error(err: *mut abi::iso_err, error: &Error) {
    // SAFETY: passed on from the caller.
    unsafe { report(err, &error.to_string()) };
}

unsafe fn report(err: *mut abi::iso_err, message: &str) {
    // SAFETY: the caller vouches for the pointer.
    if let Some(err) = unsafe { err.as_mut() } {
        err.set(message);
    }
}

fn message_of(payload: &(dyn Any + Send)) -> &str {
    if let Some(text) = payload.downcast_ref::<&str>() {
        text
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text
    } else {
        "a panic without a message"
    }
}
