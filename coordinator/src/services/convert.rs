//! Errors and records on their way to the wire.

use crate::blobs::BlobError;
use crate::engine::EngineError;
use crate::scheduler::Summary;
use crate::store::{JobRecord, JobState, StoreError};
use crate::uploads::UploadError;
use isoscope_core::study::Study;
use isoscope_proto::errors::{self, Reason};
use isoscope_proto::time::timestamp;
use isoscope_proto::v1::job::State;
use isoscope_proto::v1::{FieldViolation, Job, Progress};
use tonic::{Code, Status};

/// Bytes of a file or blob in one message: well under the limit of a receiver.
pub(super) const CHUNK: usize = 512 * 1024;

/// Prefix of a job's name.
const JOBS: &str = "jobs/";

/// The name of a job by its id.
pub(super) fn job_name(id: &str) -> String {
    format!("{JOBS}{id}")
}

/// The id of a job by its name.
pub(super) fn job_id(name: &str) -> Result<&str, Status> {
    let id = name.strip_prefix(JOBS).filter(|id| !id.is_empty());
    id.ok_or_else(|| {
        errors::status(Code::NotFound, Reason::NotFound, format!("`{name}` is no job; names are jobs/UUID"))
    })
}

pub(super) fn status(error: impl Into<EngineError>) -> Status {
    let error = error.into();
    let message = error.to_string();
    match &error {
        EngineError::Store(StoreError::NoSuchJob(_)) => {
            errors::status(Code::NotFound, Reason::NotFound, message)
        }
        EngineError::Store(StoreError::LeaseLost(_)) => {
            errors::status(Code::Aborted, Reason::LeaseLost, message)
        }
        EngineError::Store(StoreError::SessionExpired(session)) => {
            errors::failed_precondition(Reason::SessionExpired, session, message)
        }
        EngineError::Store(StoreError::RequestIdReused(_)) => {
            errors::status(Code::AlreadyExists, Reason::RequestIdReused, message)
        }
        EngineError::Store(StoreError::Database(_)) | EngineError::Blob(BlobError::Store(_)) => {
            errors::status(Code::Unavailable, Reason::StoreUnavailable, message)
        }
        EngineError::Blob(BlobError::Missing(_)) => {
            errors::status(Code::NotFound, Reason::BlobMissing, message)
        }
        EngineError::Blob(BlobError::Corrupt(_)) => {
            errors::status(Code::DataLoss, Reason::BlobCorrupt, message)
        }
        EngineError::Progress(_) => errors::status(Code::InvalidArgument, Reason::InvalidRequest, message),
        _ => errors::status(Code::Internal, Reason::Internal, message),
    }
}

pub(super) fn upload_status(error: &UploadError) -> Status {
    let message = error.to_string();
    match error {
        UploadError::Gap { .. } => errors::status(Code::OutOfRange, Reason::UploadGap, message),
        UploadError::TooLarge => errors::status(Code::ResourceExhausted, Reason::TooLarge, message),
        UploadError::Corrupt(_) => errors::status(Code::InvalidArgument, Reason::BlobCorrupt, message),
    }
}

/// A job as clients see it.
pub(super) fn job(record: &JobRecord, summary: Option<Summary>, tasks_done: u64) -> Job {
    let state = match record.state {
        JobState::Queued => State::Queued,
        JobState::Running => State::Running,
        JobState::Succeeded => State::Succeeded,
        JobState::Failed => State::Failed,
        JobState::Cancelled => State::Cancelled,
    };
    let study: Option<Study> = serde_json::from_str(&record.study).ok();
    let progress = Progress {
        stage: summary.map_or(0, |s| s.stage),
        stages: summary.map_or(0, |s| s.stages),
        tasks_done,
        tasks_total: summary.map_or(tasks_done.max(1), |s| s.tasks_total),
        headline: record.headline.clone(),
    };
    Job {
        name: job_name(&record.id),
        study: study.map(|s| s.name).unwrap_or_default(),
        state: state.into(),
        state_reason: record.state_reason.clone(),
        create_time: Some(timestamp(record.created_at)),
        progress: Some(progress),
        violations: record.violations.iter().map(FieldViolation::from).collect(),
        plan_digest: record.plan.as_ref().map(|p| p.digest.clone()).unwrap_or_default(),
    }
}
