//! What an op may answer instead of a result.

use isoscope_plugin_abi as abi;

/// Failure of an op; the kind decides what the host does with the job.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Parameters or input are wrong: the job fails, no retry.
    #[error("{0}")]
    Invalid(String),
    /// An optional function that this op, or a service that this host, does not offer.
    #[error("{0}")]
    Unsupported(String),
    /// The host asked to stop.
    #[error("the host asked to stop")]
    Cancelled,
    /// Out of memory or another limit: may be retried on a larger worker.
    #[error("{0}")]
    Resource(String),
    /// Numerical or other failure: the job fails.
    #[error("{0}")]
    Failed(String),
}

/// Result of everything an op does.
pub type Result<T, E = Error> = core::result::Result<T, E>;

impl Error {
    /// Makes an [`Error::Invalid`].
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::Invalid(message.into())
    }

    /// Makes an [`Error::Unsupported`].
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::Unsupported(message.into())
    }

    /// Makes an [`Error::Resource`].
    pub fn resource(message: impl Into<String>) -> Self {
        Self::Resource(message.into())
    }

    /// Makes an [`Error::Failed`].
    pub fn failed(message: impl Into<String>) -> Self {
        Self::Failed(message.into())
    }

    pub(crate) const fn status(&self) -> abi::iso_status {
        match self {
            Self::Invalid(_) => abi::ISO_INVALID,
            Self::Unsupported(_) => abi::ISO_UNSUPPORTED,
            Self::Cancelled => abi::ISO_CANCELLED,
            Self::Resource(_) => abi::ISO_RESOURCE,
            Self::Failed(_) => abi::ISO_FAILED,
        }
    }
}
