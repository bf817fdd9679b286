//! What stands behind the opaque handles.

use core::sync::atomic::AtomicBool;
use std::sync::Arc;

use isoscope_plugin_abi as abi;

use crate::Op;

/// Behind `iso_op`. It is counted, so that a run stays sound when the op is closed before it.
pub(crate) struct OpHandle<T> {
    pub(crate) op: T,
    pub(crate) cols: Vec<usize>,
    pub(crate) poisoned: AtomicBool,
}

/// Behind `iso_run`.
pub(crate) struct RunHandle<T: Op> {
    pub(crate) op: Arc<OpHandle<T>>,
    pub(crate) model: T::Model,
    /// `None` after `finish`.
    pub(crate) state: Option<T::State>,
    pub(crate) poisoned: AtomicBool,
}

impl<T: Op> OpHandle<T> {
    pub(crate) fn into_raw(self) -> *mut abi::iso_op {
        Arc::into_raw(Arc::new(self)).cast_mut().cast()
    }

    /// Borrows the handle.
    ///
    /// # Safety
    /// `raw` came from `into_raw` of the same `T` and is not closed during `'a`.
    pub(crate) unsafe fn borrow<'a>(raw: *const abi::iso_op) -> &'a Self {
        // SAFETY: promised by the caller.
        unsafe { &*raw.cast::<Self>() }
    }

    /// Takes one more count of the handle.
    ///
    /// # Safety
    /// `raw` came from `into_raw` of the same `T` and is not closed during the call.
    pub(crate) unsafe fn share(raw: *const abi::iso_op) -> Arc<Self> {
        let raw = raw.cast::<Self>();
        // SAFETY: the pointer came from Arc::into_raw and its count is at least 1 until close.
        unsafe {
            Arc::increment_strong_count(raw);
            Arc::from_raw(raw)
        }
    }

    /// Takes back the count that `into_raw` gave away.
    ///
    /// # Safety
    /// `raw` came from `into_raw` of the same `T`; it is used no more.
    pub(crate) unsafe fn close(raw: *mut abi::iso_op) -> Arc<Self> {
        // SAFETY: promised by the caller.
        unsafe { Arc::from_raw(raw.cast_const().cast()) }
    }
}

impl<T: Op> RunHandle<T> {
    pub(crate) fn into_raw(self) -> *mut abi::iso_run {
        Box::into_raw(Box::new(self)).cast()
    }

    /// Borrows the handle.
    ///
    /// # Safety
    /// `raw` came from `into_raw` of the same `T`, is not ended during `'a`, and no other thread uses it.
    pub(crate) unsafe fn borrow<'a>(raw: *const abi::iso_run) -> &'a Self {
        // SAFETY: promised by the caller.
        unsafe { &*raw.cast::<Self>() }
    }

    /// Takes the handle back.
    ///
    /// # Safety
    /// `raw` came from `into_raw` of the same `T`; it is used no more.
    pub(crate) unsafe fn end(raw: *mut abi::iso_run) -> Self {
        // SAFETY: promised by the caller.
        *unsafe { Box::from_raw(raw.cast()) }
    }
}
