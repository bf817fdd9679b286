//! Errors and records on their way to the wire.

use crate::blobs::BlobError;
use crate::engine::{EngineError, JobView};
use crate::scheduler::{Capabilities, Offered, Rejected};
use crate::store::{JobState, NewSession, RunningTask, StoreError};
use crate::uploads::UploadError;
use isoscope_core::study::Study;
use isoscope_proto::convert::required;
use isoscope_proto::errors::{self, Reason};
use isoscope_proto::time::timestamp;
use isoscope_proto::v1::job::State;
use isoscope_proto::v1::{FieldViolation, Job, Progress, RegisterWorkerRequest, RunningTask as WireTask};
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
        UploadError::Disk(_) => errors::status(Code::Unavailable, Reason::StoreUnavailable, message),
    }
}

/// What open calls are told when the coordinator stops.
pub(super) fn stopping() -> Status {
    errors::status(Code::Unavailable, Reason::Stopping, "the coordinator is stopping; try again")
}

/// The session that a worker asks for.
pub(super) fn new_session(request: RegisterWorkerRequest) -> Result<NewSession, Status> {
    let wire = required("capabilities", request.capabilities)?;
    let held = !request.session_id.is_empty();
    let mut manifests = Vec::new();
    let plugins = wire.plugins.into_iter().map(|plugin| {
        manifests.push((plugin.id.clone(), plugin.digest.clone(), plugin.manifest_json));
        Offered { id: plugin.id, version: plugin.version, digest: plugin.digest, source: plugin.source }
    });
    let rejected = wire.rejected_plugins.into_iter().map(|file| Rejected {
        source: file.source,
        digest: file.digest,
        reason: file.reason,
    });
    let capabilities = Capabilities {
        device: wire.device,
        dtype: wire.dtype,
        numerics_class: wire.numerics_class,
        slots: wire.slots,
        memory_bytes: wire.memory_bytes,
        encoder_families: wire.encoder_families.into_iter().collect(),
        plugins: plugins.collect(),
        rejected: rejected.collect(),
    };
    let id = if held { request.session_id } else { uuid::Uuid::new_v4().to_string() };
    Ok(NewSession { id, held, worker: request.worker_name, capabilities, manifests })
}

fn running(task: &RunningTask) -> WireTask {
    WireTask {
        task_id: task.id.to_string(),
        title: task.title.clone(),
        worker_name: task.worker.clone(),
        lease_time: Some(timestamp(task.leased_at)),
    }
}

/// A state as clients name it.
pub(super) fn state(state: JobState) -> State {
    match state {
        JobState::Queued => State::Queued,
        JobState::Running => State::Running,
        JobState::Succeeded => State::Succeeded,
        JobState::Failed => State::Failed,
        JobState::Cancelled => State::Cancelled,
    }
}

/// A job as clients see it.
pub(super) fn job(view: &JobView) -> Job {
    let (record, summary) = (&view.record, view.record.summary);
    let study: Option<Study> = serde_json::from_str(&record.study).ok();
    let progress = Progress {
        stage: summary.map_or(0, |s| s.stage),
        stages: summary.map_or(0, |s| s.stages),
        tasks_done: view.done,
        tasks_total: summary.map_or(view.done.max(1), |s| s.tasks_total),
        headline: record.headline.clone(),
    };
    let reason = if record.state.is_final() { &record.state_reason } else { &view.waits };
    Job {
        name: job_name(&record.id),
        study: study.map(|s| s.name).unwrap_or_default(),
        state: state(record.state).into(),
        state_reason: reason.clone(),
        create_time: Some(timestamp(record.created_at)),
        progress: Some(progress),
        violations: record.violations.iter().map(FieldViolation::from).collect(),
        plan_digest: record.plan.as_ref().map(|p| p.digest.clone()).unwrap_or_default(),
        end_time: record.ended_at.map(timestamp),
        base_directory: record.base_directory.clone(),
        numerics_class: record.need.numerics_class.clone().unwrap_or_default(),
        running: view.running.iter().map(running).collect(),
    }
}
