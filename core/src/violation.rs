//! What is wrong with a study, all of it at once, each complaint with the path of the field.

use serde::{Deserialize, Serialize};
use std::fmt;

/// One complaint about one field of a study.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// Path in the study file, e.g. `dataset[0].gold`.
    pub field: String,
    /// What is wrong and what to do, lowercase, without a full stop.
    pub message: String,
}

impl Violation {
    /// Creates a complaint about `field`.
    pub fn new(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self { field: field.into(), message: message.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.field, self.message)
        }
    }
}

/// A study that cannot be run, with every reason found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Violations(pub Vec<Violation>);

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, v) in self.0.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{v}")?;
        }
        Ok(())
    }
}

impl Violations {
    /// Returns `value` when there is no complaint, else all of them.
    ///
    /// # Errors
    /// When `complaints` is not empty.
    pub fn none_or<T>(complaints: Vec<Violation>, value: T) -> Result<T, Self> {
        if complaints.is_empty() { Ok(value) } else { Err(Self(complaints)) }
    }
}
