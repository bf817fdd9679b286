//! Why a law does not hold, or cannot be asked.

use isoscope_plugin_host::{LoadError, OpError};

/// What keeps a law from holding.
#[derive(Debug)]
pub(crate) enum Breach {
    /// The law is broken, and how.
    Broken(String),
    /// The law says nothing about this op, and why.
    DoesNotApply(String),
    /// The op answered with an error.
    Op(OpError),
    /// The op asked for more passes than it may.
    Endless,
}

/// A law holds, with a remark or an empty one, or it does not.
pub(crate) type Judged = Result<String, Breach>;

impl From<OpError> for Breach {
    fn from(error: OpError) -> Self {
        Self::Op(error)
    }
}

impl From<LoadError> for Breach {
    fn from(error: LoadError) -> Self {
        Self::Broken(error.to_string())
    }
}

/// Makes a [`Breach::Broken`].
pub(crate) fn broken<T>(detail: impl Into<String>) -> Result<T, Breach> {
    Err(Breach::Broken(detail.into()))
}

/// Makes a [`Breach::DoesNotApply`].
pub(crate) fn does_not_apply<T>(reason: impl Into<String>) -> Result<T, Breach> {
    Err(Breach::DoesNotApply(reason.into()))
}

/// A law that holds without a remark.
pub(crate) const HOLDS: Judged = Ok(String::new());
