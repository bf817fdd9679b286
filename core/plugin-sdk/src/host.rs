//! The host as an op sees it.

use core::ptr::NonNull;

use isoscope_plugin_abi as abi;

use crate::Linalg;

/// The host of an op; it outlives the op. Its functions may be called from any thread, during a call only.
#[derive(Debug, Clone, Copy)]
pub struct Host {
    raw: NonNull<abi::iso_host>,
}

// SAFETY: the table is immutable and its functions may be called from any thread (rule 4 of the header).
unsafe impl Send for Host {}
// SAFETY: as above.
unsafe impl Sync for Host {}

impl Host {
    /// Wraps the table that the host gave to `open`.
    ///
    /// # Safety
    /// `raw` must be valid as the header says for as long as the value or a [`Linalg`] from it is used.
    pub(crate) const unsafe fn from_raw(raw: NonNull<abi::iso_host>) -> Self {
        Self { raw }
    }

    fn table(&self) -> &abi::iso_host {
        // SAFETY: `from_raw` was promised a table that lives as long as this value is used.
        unsafe { self.raw.as_ref() }
    }

    /// Returns the host's linear algebra; its functions answer `Unsupported` when the host has none.
    #[must_use]
    pub fn linalg(&self) -> Linalg {
        let host = self.table();
        let raw = host.get_extension.and_then(|get| {
            // SAFETY: the header's contract of get_extension; the id lives for the call.
            let found = unsafe { get(host.ctx, abi::iso_bytes::of(abi::ISO_LINALG.as_bytes())) };
            NonNull::new(found.cast_mut().cast::<abi::iso_linalg>())
        });
        // SAFETY: what get_extension answers for this id is an iso_linalg that outlives the op.
        unsafe { Linalg::from_raw(raw) }
    }

    /// Returns whether the host asks to stop; answer [`Error::Cancelled`](crate::Error::Cancelled) then.
    #[must_use]
    pub fn should_stop(&self) -> bool {
        let host = self.table();
        // SAFETY: the header's contract of should_stop.
        host.should_stop.is_some_and(|should_stop| unsafe { should_stop(host.ctx) } != 0)
    }

    /// Writes a line to the host's log, at level info.
    pub fn info(&self, message: &str) {
        self.log(3, message);
    }

    /// Writes a line to the host's log, at level warn.
    pub fn warn(&self, message: &str) {
        self.log(2, message);
    }

    fn log(&self, level: i32, message: &str) {
        let host = self.table();
        if let Some(log) = host.log {
            // SAFETY: the header's contract of log; the message lives for the call.
            unsafe { log(host.ctx, level, abi::iso_bytes::of(message.as_bytes())) };
        }
    }
}
