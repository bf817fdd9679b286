//! Conversions between messages and domain types, each pair in one file. They are the only ones.
//!
//! Domain to wire and back is the identity. Wire to domain checks what the types promise: digests of 32 bytes, sizes that are
//! not negative, every variant set.

mod digest;
mod failure;
mod output;
mod task;
mod violation;

pub use digest::{blobs, digests};

use crate::errors;
use isoscope_core::violation::Violation;
use tonic::Status;

/// A message that is not what the protocol promises.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct ConvertError {
    /// Path of the field inside the message.
    pub field: String,
    /// What is wrong with it.
    pub reason: String,
}

impl ConvertError {
    fn new(field: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { field: field.into(), reason: reason.into() }
    }

    /// Puts the name of the enclosing field before the path.
    fn within(mut self, field: &str) -> Self {
        self.field = if self.field.is_empty() { field.to_owned() } else { format!("{field}.{}", self.field) };
        self
    }
}

impl From<ConvertError> for Status {
    fn from(error: ConvertError) -> Self {
        let message = error.to_string();
        errors::invalid_argument(message, &[Violation::new(error.field, error.reason)])
    }
}

/// Takes a message field that must be set.
///
/// # Errors
/// When it is absent.
pub fn required<T>(field: &str, value: Option<T>) -> Result<T, ConvertError> {
    value.ok_or_else(|| ConvertError::new(field, "must be set"))
}
