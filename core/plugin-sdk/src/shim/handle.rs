//! What stands behind the opaque handles.

use core::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use isoscope_plugin_abi as abi;

use super::codec::decode_model;
use crate::{Op, Result};

/// Behind `iso_op`. It is counted, so that a run stays sound when the op is closed before it.
pub(crate) struct OpHandle<T: Op> {
    pub(crate) op: T,
    pub(crate) cols: Vec<usize>,
    pub(crate) poisoned: AtomicBool,
    last_model: Mutex<Option<Known<T::Model>>>,
}

/// A model and the bytes that it was decoded from.
struct Known<M> {
    bytes: Vec<u8>,
    model: Arc<M>,
}

/// Behind `iso_run`.
pub(crate) struct RunHandle<T: Op> {
    pub(crate) op: Arc<OpHandle<T>>,
    pub(crate) model: Arc<T::Model>,
    /// `None` after `finish`.
    pub(crate) state: Option<T::State>,
    pub(crate) poisoned: AtomicBool,
}

impl<T: Op> OpHandle<T> {
    pub(crate) fn new(op: T, cols: Vec<usize>) -> Self {
        Self { op, cols, poisoned: AtomicBool::new(false), last_model: Mutex::new(None) }
    }

    /// Decodes a model. All runs of a pass begin with the same one, so the last is kept: to compare bytes takes far less than to
    /// decode them.
    ///
    /// # Errors
    /// As [`decode_model`].
    pub(crate) fn model(&self, bytes: &[u8]) -> Result<Arc<T::Model>> {
        let same = |known: &Known<T::Model>| (known.bytes == bytes).then(|| Arc::clone(&known.model));
        if let Some(model) = self.last_model().as_ref().and_then(same) {
            return Ok(model);
        }
        let model: Arc<T::Model> = Arc::new(decode_model(bytes)?);
        *self.last_model() = Some(Known { bytes: bytes.to_vec(), model: Arc::clone(&model) });
        Ok(model)
    }

    fn last_model(&self) -> MutexGuard<'_, Option<Known<T::Model>>> {
        self.last_model.lock().unwrap_or_else(PoisonError::into_inner)
    }

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
