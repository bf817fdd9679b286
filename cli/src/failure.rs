//! Failures and their exit codes.

use isoscope_core::violation::{Violation, Violations};

/// A failure of the command, with what scripts need to tell it from others.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A job failed while it ran.
    #[error("the job failed: {0}")]
    Job(String),
    /// The command line, the study or its data are wrong.
    #[error("{0}")]
    Input(String),
    /// The study is wrong, with every reason.
    #[error("{0}")]
    Study(Violations),
    /// The coordinator could not be reached, or did not let us in.
    #[error("the coordinator could not be reached: {0}")]
    Unreachable(String),
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
}

impl Failure {
    /// Makes an input failure about one field.
    pub(crate) fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Study(Violations(vec![Violation::new(field, message)]))
    }
}

/// Prints a failure to standard error.
pub(crate) fn print(error: &anyhow::Error) {
    eprintln!("error: {error:#}");
}

/// 1 job failed, 2 usage or input, 4 unreachable, 130 interrupted.
pub(crate) fn exit_code(error: &anyhow::Error) -> u8 {
    match error.downcast_ref::<Failure>() {
        Some(Failure::Input(_) | Failure::Study(_)) => 2,
        Some(Failure::Unreachable(_)) => 4,
        Some(Failure::Interrupted) => 130,
        Some(Failure::Job(_)) | None => 1,
    }
}
