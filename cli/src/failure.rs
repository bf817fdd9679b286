//! Failures and their exit codes.

use isoscope_core::violation::{Violation, Violations};
use isoscope_proto::errors::{self, Reason};
use std::error::Error as _;
use tonic::{Code, Status};

/// A failure of the command, with what scripts need to tell it from others.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// A job failed while it ran.
    #[error("the job failed: {0}")]
    Job(String),
    /// A job is not in a state in which it can be done.
    #[error("{0}")]
    State(String),
    /// The coordinator did not do it.
    #[error("the coordinator refused: {0}")]
    Refused(String),
    /// The command line, the study or its data are wrong.
    #[error("{0}")]
    Input(String),
    /// The study is wrong, with every reason.
    #[error("{0}")]
    Study(Violations),
    /// The coordinator could not be reached.
    #[error("the coordinator at {url} could not be reached: {reason}")]
    Unreachable {
        /// Its address.
        url: String,
        /// What the network said.
        reason: String,
    },
    /// The coordinator did not let this program in.
    #[error(
        "the coordinator at {url} did not let this program in: {reason}; name the file of its token with --token-file"
    )]
    NotLetIn {
        /// Its address.
        url: String,
        /// What it said.
        reason: String,
    },
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
    /// Ctrl-C while a job of a coordinator elsewhere was followed.
    #[error("detached, the job goes on; follow it with: isoscope job watch {0}")]
    Detached(String),
}

impl Failure {
    /// Makes an input failure about one field.
    pub(crate) fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Study(Violations(vec![Violation::new(field, message)]))
    }

    /// Reads the answer of the coordinator at `url` to a call.
    pub(crate) fn status(url: &str, status: &Status) -> Self {
        let (url, reason) = (url.to_owned(), told(status));
        if is_lost(status) {
            return Self::Unreachable { url, reason };
        }
        match (status.code(), errors::reason(status)) {
            (Code::Unauthenticated | Code::PermissionDenied, _) => Self::NotLetIn { url, reason },
            (Code::InvalidArgument, _) => match errors::violations(status) {
                found if found.is_empty() => Self::Input(reason),
                found => Self::Study(Violations(found)),
            },
            (Code::NotFound, _) | (_, Some(Reason::RequestIdReused | Reason::TooLarge)) => {
                Self::Input(reason)
            }
            (_, Some(Reason::NotReady)) => Self::State(reason),
            _ => Self::Refused(reason),
        }
    }
}

/// Whether a status says that contact was lost, rather than being an answer: those of a coordinator carry a reason.
pub(crate) fn is_lost(status: &Status) -> bool {
    match status.code() {
        Code::Unavailable => true,
        Code::Unknown | Code::Internal | Code::Cancelled => errors::reason(status).is_none(),
        _ => false,
    }
}

/// The message of a status and of what caused it, without repeats.
fn told(status: &Status) -> String {
    let mut text = status.message().to_owned();
    let mut cause = status.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = if text.is_empty() { more } else { format!("{text}: {more}") };
        }
        cause = error.source();
    }
    text
}

/// Prints a failure to standard error.
pub(crate) fn print(error: &anyhow::Error) {
    match error.downcast_ref::<Failure>() {
        Some(stopped @ (Failure::Interrupted | Failure::Detached(_))) => eprintln!("{stopped}"),
        _ => eprintln!("error: {error:#}"),
    }
}

/// 1 job failed, 2 usage or input, 4 unreachable, 130 interrupted.
pub(crate) fn exit_code(error: &anyhow::Error) -> u8 {
    match error.downcast_ref::<Failure>() {
        Some(Failure::Input(_) | Failure::Study(_)) => 2,
        Some(Failure::Unreachable { .. } | Failure::NotLetIn { .. }) => 4,
        Some(Failure::Interrupted | Failure::Detached(_)) => 130,
        Some(Failure::Job(_) | Failure::State(_) | Failure::Refused(_)) | None => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(status: &Status) -> u8 {
        exit_code(&Failure::status("http://there:1", status).into())
    }

    #[test]
    fn each_answer_of_a_coordinator_has_its_exit_code() {
        let wrong = [Violation::new("metric[0].id", "unknown")];
        for (status, expected) in [
            (Status::unavailable("connection refused"), 4),
            (Status::unknown("h2 protocol error"), 4),
            (Status::unauthenticated("no token"), 4),
            (Status::not_found("there is no such job"), 2),
            (errors::invalid_study(&wrong), 2),
            (errors::status(Code::AlreadyExists, Reason::RequestIdReused, "reused"), 2),
            (errors::failed_precondition(Reason::NotReady, "jobs/1", "no results"), 1),
            (errors::status(Code::Internal, Reason::Internal, "a defect"), 1),
        ] {
            assert_eq!(code(&status), expected, "{status}");
        }
    }

    #[test]
    fn a_coordinator_that_is_not_there_is_named_with_its_address() {
        let failure = Failure::status("http://there:1", &Status::unavailable("connection refused"));
        assert_eq!(
            failure.to_string(),
            "the coordinator at http://there:1 could not be reached: connection refused"
        );
    }
}
