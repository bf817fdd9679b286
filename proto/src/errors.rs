//! Statuses with details: every error carries a machine-readable reason, and says all that is wrong at once.
//!
//! Details follow Google's richer error model: `ErrorInfo` always, `BadRequest` for fields, `PreconditionFailure` for state.

use isoscope_core::violation::Violation;
use std::collections::HashMap;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt};

/// Domain of every [`Reason`].
pub const DOMAIN: &str = "isoscope";

/// Most bytes of field violations in one status. Statuses travel as HTTP/2 trailers, which receivers bound at 16 KiB.
const MOST_DETAIL: usize = 6 * 1024;
/// Most bytes of a status message, for the same reason.
const MOST_MESSAGE: usize = 2 * 1024;

/// Machine-readable reason of an error; clients act on it and never on the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The study contradicts itself or names what does not exist.
    InvalidStudy,
    /// A field of the request is malformed.
    InvalidRequest,
    /// The request id was used before for another study.
    RequestIdReused,
    /// There is no such job, task or blob.
    NotFound,
    /// The session is unknown or has expired: register again.
    SessionExpired,
    /// The lease is held by somebody else by now, or the task was cancelled: drop the work.
    LeaseLost,
    /// The protocol versions differ.
    ProtocolVersion,
    /// A blob that the request refers to has not been uploaded.
    BlobMissing,
    /// A blob's bytes are not those that its digest promises.
    BlobCorrupt,
    /// An upload would leave a gap.
    UploadGap,
    /// The job has not got that far, or never will.
    NotReady,
    /// A bound on sizes was exceeded.
    TooLarge,
    /// The store or the disk cannot be reached.
    StoreUnavailable,
    /// The coordinator is shutting down.
    Stopping,
    /// The token is missing or wrong.
    Token,
    /// A defect of this program.
    Internal,
}

impl Reason {
    const ALL: [Self; 16] = [
        Self::InvalidStudy,
        Self::InvalidRequest,
        Self::RequestIdReused,
        Self::NotFound,
        Self::SessionExpired,
        Self::LeaseLost,
        Self::ProtocolVersion,
        Self::BlobMissing,
        Self::BlobCorrupt,
        Self::UploadGap,
        Self::NotReady,
        Self::TooLarge,
        Self::StoreUnavailable,
        Self::Stopping,
        Self::Token,
        Self::Internal,
    ];

    /// The reason as `ErrorInfo` spells it, e.g. `SESSION_EXPIRED`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::InvalidStudy => "INVALID_STUDY",
            Self::InvalidRequest => "INVALID_REQUEST",
            Self::RequestIdReused => "REQUEST_ID_REUSED",
            Self::NotFound => "NOT_FOUND",
            Self::SessionExpired => "SESSION_EXPIRED",
            Self::LeaseLost => "LEASE_LOST",
            Self::ProtocolVersion => "PROTOCOL_VERSION",
            Self::BlobMissing => "BLOB_MISSING",
            Self::BlobCorrupt => "BLOB_CORRUPT",
            Self::UploadGap => "UPLOAD_GAP",
            Self::NotReady => "NOT_READY",
            Self::TooLarge => "TOO_LARGE",
            Self::StoreUnavailable => "STORE_UNAVAILABLE",
            Self::Stopping => "STOPPING",
            Self::Token => "TOKEN",
            Self::Internal => "INTERNAL",
        }
    }
}

/// Makes a status with a reason.
#[must_use]
pub fn status(code: Code, reason: Reason, message: impl Into<String>) -> Status {
    Status::with_error_details(code, bounded(message.into()), details(reason))
}

/// Makes `INVALID_ARGUMENT` for a malformed request, naming the fields.
#[must_use]
pub fn invalid_argument(message: impl Into<String>, violations: &[Violation]) -> Status {
    bad_request(Reason::InvalidRequest, message.into(), violations)
}

/// Makes `INVALID_ARGUMENT` for a study, naming every field that is wrong.
#[must_use]
pub fn invalid_study(violations: &[Violation]) -> Status {
    let message = match violations {
        [one] => one.to_string(),
        many => format!("the study has {} problems", many.len()),
    };
    bad_request(Reason::InvalidStudy, message, violations)
}

/// Makes `FAILED_PRECONDITION`, naming what stands in the way.
#[must_use]
pub fn failed_precondition(reason: Reason, subject: &str, message: impl Into<String>) -> Status {
    let message = bounded(message.into());
    let mut details = details(reason);
    details.add_precondition_failure_violation(reason.name(), subject, message.clone());
    Status::with_error_details(Code::FailedPrecondition, message, details)
}

/// Reads the reason of a status; `None` when it has none of ours.
#[must_use]
pub fn reason(status: &Status) -> Option<Reason> {
    let info = status.get_details_error_info().filter(|info| info.domain == DOMAIN)?;
    Reason::ALL.into_iter().find(|reason| reason.name() == info.reason)
}

/// Reads the fields that a status complains about.
#[must_use]
pub fn violations(status: &Status) -> Vec<Violation> {
    let fields = status.get_details_bad_request().map(|bad| bad.field_violations).unwrap_or_default();
    fields.into_iter().map(|v| Violation::new(v.field, v.description)).collect()
}

fn details(reason: Reason) -> ErrorDetails {
    ErrorDetails::with_error_info(reason.name(), DOMAIN, HashMap::new())
}

fn bad_request(reason: Reason, message: String, violations: &[Violation]) -> Status {
    let mut details = details(reason);
    details.set_bad_request(fitting(violations));
    Status::with_error_details(Code::InvalidArgument, bounded(message), details)
}

/// The first violations that fit, and one that counts the rest.
fn fitting(violations: &[Violation]) -> Vec<FieldViolation> {
    let mut room = MOST_DETAIL;
    let mut fields = Vec::new();
    for violation in violations {
        let message = bounded(violation.message.clone());
        let field = bounded(violation.field.clone());
        let Some(left) = room.checked_sub(message.len() + field.len()) else {
            let rest = violations.len() - fields.len();
            fields.push(FieldViolation::new("", format!("and {rest} more")));
            break;
        };
        room = left;
        fields.push(FieldViolation::new(field, message));
    }
    fields
}

fn bounded(mut text: String) -> String {
    if text.len() > MOST_MESSAGE {
        let end = (0..=MOST_MESSAGE).rev().find(|&i| text.is_char_boundary(i)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_gives_back_its_reason_and_its_violations() {
        let found =
            [Violation::new("name", "a study needs a name"), Violation::new("metric[0].id", "unknown")];
        let status = invalid_study(&found);
        assert_eq!(status.code(), Code::InvalidArgument);
        assert_eq!(reason(&status), Some(Reason::InvalidStudy));
        assert_eq!(violations(&status), found);
        let expired =
            failed_precondition(Reason::SessionExpired, "session", "the session has expired; register again");
        assert_eq!(reason(&expired), Some(Reason::SessionExpired));
        assert!(violations(&expired).is_empty());
    }

    #[test]
    fn every_reason_is_found_again_by_its_name() {
        for one in Reason::ALL {
            assert_eq!(reason(&status(Code::Unknown, one, "")), Some(one));
        }
        assert_eq!(reason(&Status::unknown("from elsewhere")), None);
    }

    #[test]
    fn many_or_long_violations_stay_within_what_a_trailer_holds() {
        let found: Vec<Violation> =
            (0..1000).map(|i| Violation::new(format!("metric[{i}]"), "é".repeat(1500))).collect();
        let status = invalid_study(&found);
        assert!(status.details().len() + status.message().len() < 12 * 1024);
        let read = violations(&status);
        assert_eq!(
            read.last().map(|v| v.message.as_str()),
            Some(format!("and {} more", 1000 - (read.len() - 1)).as_str())
        );
    }
}
