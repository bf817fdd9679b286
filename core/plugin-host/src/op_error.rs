//! Why a call of an op failed.

use isoscope_plugin_abi as abi;

/// Failure of a call; the kind says what to do with the job. Each names the plugin and the op.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpError {
    /// Parameters or input are wrong: the job fails, no retry.
    #[error("plugin {plugin}, op {op}: {message}")]
    Invalid {
        /// Id of the plugin.
        plugin: String,
        /// Id of the op.
        op: String,
        /// What is wrong.
        message: String,
    },
    /// The op does not offer the function.
    #[error("plugin {plugin}, op {op}: not supported: {message}")]
    Unsupported {
        /// Id of the plugin.
        plugin: String,
        /// Id of the op.
        op: String,
        /// What is not offered.
        message: String,
    },
    /// The op stopped because the host asked for it.
    #[error("plugin {plugin}, op {op}: stopped as asked")]
    Cancelled {
        /// Id of the plugin.
        plugin: String,
        /// Id of the op.
        op: String,
    },
    /// Out of memory or another limit: may be retried on a larger worker.
    #[error("plugin {plugin}, op {op}: out of a resource: {message}")]
    Resource {
        /// Id of the plugin.
        plugin: String,
        /// Id of the op.
        op: String,
        /// What ran out.
        message: String,
    },
    /// Numerical or other failure: the job fails.
    #[error("plugin {plugin}, op {op} failed: {message}")]
    Failed {
        /// Id of the plugin.
        plugin: String,
        /// Id of the op.
        op: String,
        /// What failed.
        message: String,
    },
    /// A bug in the plugin; the handle is poisoned.
    #[error("plugin {plugin}, op {op} panicked, which is a bug of the plugin: {message}")]
    Panicked {
        /// Id of the plugin.
        plugin: String,
        /// Id of the op.
        op: String,
        /// Message of the panic.
        message: String,
    },
    /// The handle is poisoned by an earlier panic; nothing was called.
    #[error("plugin {plugin}, op {op} is poisoned by an earlier panic: open it anew")]
    Poisoned {
        /// Id of the plugin.
        plugin: String,
        /// Id of the op.
        op: String,
    },
}

/// Whose failure it is.
#[derive(Debug, Clone)]
pub(crate) struct Blame {
    pub(crate) plugin: String,
    pub(crate) op: String,
}

impl Blame {
    pub(crate) fn invalid(&self, message: impl Into<String>) -> OpError {
        OpError::Invalid { plugin: self.plugin.clone(), op: self.op.clone(), message: message.into() }
    }

    pub(crate) fn unsupported(&self, message: impl Into<String>) -> OpError {
        OpError::Unsupported { plugin: self.plugin.clone(), op: self.op.clone(), message: message.into() }
    }

    pub(crate) fn failed(&self, message: impl Into<String>) -> OpError {
        OpError::Failed { plugin: self.plugin.clone(), op: self.op.clone(), message: message.into() }
    }

    pub(crate) fn poisoned(&self) -> OpError {
        OpError::Poisoned { plugin: self.plugin.clone(), op: self.op.clone() }
    }

    /// Turns the status of a call into a result.
    pub(crate) fn check(&self, status: abi::iso_status, err: &abi::iso_err) -> Result<(), OpError> {
        if status == abi::ISO_OK {
            return Ok(());
        }
        let (plugin, op) = (self.plugin.clone(), self.op.clone());
        let text = String::from_utf8_lossy(err.bytes());
        let message = if text.is_empty() { "no reason was given".to_owned() } else { text.into_owned() };
        Err(match status {
            abi::ISO_INVALID => OpError::Invalid { plugin, op, message },
            abi::ISO_UNSUPPORTED => OpError::Unsupported { plugin, op, message },
            abi::ISO_CANCELLED => OpError::Cancelled { plugin, op },
            abi::ISO_RESOURCE => OpError::Resource { plugin, op, message },
            abi::ISO_FAILED => OpError::Failed { plugin, op, message },
            abi::ISO_PANIC => OpError::Panicked { plugin, op, message },
            other => OpError::Failed { plugin, op, message: format!("unknown status {other}: {message}") },
        })
    }
}
