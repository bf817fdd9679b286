//! Jobs as other programs read them: stable names, RFC 3339 times.

use crate::{times, words};
use isoscope_proto::v1::{FieldViolation, Job, JobEvent, Progress, RunningTask};
use serde::Serialize;

/// A job.
#[derive(Debug, Serialize)]
pub(super) struct JobDocument {
    name: String,
    study: String,
    state: &'static str,
    state_reason: String,
    create_time: Option<String>,
    end_time: Option<String>,
    base_directory: String,
    plan_digest: String,
    numerics_class: String,
    progress: ProgressDocument,
    violations: Vec<ViolationDocument>,
    running: Vec<RunningDocument>,
    /// What happened to it; only where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<Vec<EventDocument>>,
    /// Where to go on with a watch; only in a watch.
    #[serde(skip_serializing_if = "Option::is_none")]
    resume_token: Option<String>,
}

/// How far a job has come.
#[derive(Debug, Serialize)]
struct ProgressDocument {
    stage: u32,
    stages: u32,
    tasks_done: u64,
    tasks_total: u64,
    headline: String,
}

/// What is wrong with a field of the study.
#[derive(Debug, Serialize)]
struct ViolationDocument {
    field: String,
    message: String,
}

/// A task in work.
#[derive(Debug, Serialize)]
struct RunningDocument {
    task: String,
    title: String,
    worker: String,
    since: Option<String>,
}

/// Something that happened.
#[derive(Debug, Serialize)]
struct EventDocument {
    time: Option<String>,
    kind: String,
    message: String,
}

impl JobDocument {
    /// Adds what happened to the job.
    pub(super) fn with_events(self, events: Vec<JobEvent>) -> Self {
        Self { events: Some(events.into_iter().map(EventDocument::from).collect()), ..self }
    }

    /// Adds where to go on with a watch.
    pub(super) fn with_token(self, token: &str) -> Self {
        Self { resume_token: Some(token.to_owned()), ..self }
    }
}

impl From<Job> for JobDocument {
    fn from(job: Job) -> Self {
        let state = words::job_state(job.state());
        Self {
            name: job.name,
            study: job.study,
            state,
            state_reason: job.state_reason,
            create_time: times::rfc3339(job.create_time.as_ref()),
            end_time: times::rfc3339(job.end_time.as_ref()),
            base_directory: job.base_directory,
            plan_digest: job.plan_digest,
            numerics_class: job.numerics_class,
            progress: job.progress.unwrap_or_default().into(),
            violations: job.violations.into_iter().map(ViolationDocument::from).collect(),
            running: job.running.into_iter().map(RunningDocument::from).collect(),
            events: None,
            resume_token: None,
        }
    }
}

impl From<Progress> for ProgressDocument {
    fn from(progress: Progress) -> Self {
        let Progress { stage, stages, tasks_done, tasks_total, headline } = progress;
        Self { stage, stages, tasks_done, tasks_total, headline }
    }
}

impl From<FieldViolation> for ViolationDocument {
    fn from(violation: FieldViolation) -> Self {
        Self { field: violation.field, message: violation.message }
    }
}

impl From<RunningTask> for RunningDocument {
    fn from(task: RunningTask) -> Self {
        let since = times::rfc3339(task.lease_time.as_ref());
        Self { task: task.task_id, title: task.title, worker: task.worker_name, since }
    }
}

impl From<JobEvent> for EventDocument {
    fn from(event: JobEvent) -> Self {
        Self { time: times::rfc3339(event.time.as_ref()), kind: event.kind, message: event.message }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use isoscope_proto::time::timestamp;
    use isoscope_proto::v1::job::State;
    use serde_json::json;

    #[test]
    fn a_job_is_written_with_plain_words_and_times_and_only_what_was_asked_for() {
        let job = Job {
            name: "jobs/1".to_owned(),
            state: State::Running.into(),
            create_time: Some(timestamp(1_000)),
            violations: vec![FieldViolation { field: "name".to_owned(), message: "missing".to_owned() }],
            running: vec![RunningTask { worker_name: "w".to_owned(), ..RunningTask::default() }],
            ..Job::default()
        };
        let written = serde_json::to_value(JobDocument::from(job.clone())).unwrap();
        assert_eq!(written["state"], "running");
        assert_eq!(written["create_time"], "1970-01-01T00:00:01Z");
        assert_eq!(written["end_time"], json!(null));
        assert_eq!(written["violations"], json!([{"field": "name", "message": "missing"}]));
        assert_eq!(written["running"][0]["worker"], "w");
        assert_eq!(written["progress"]["stage"], 0);
        assert!(written.get("events").is_none() && written.get("resume_token").is_none());
        let event = JobEvent { kind: "STARTED".to_owned(), ..JobEvent::default() };
        let document = JobDocument::from(job).with_events(vec![event]).with_token("7");
        let written = serde_json::to_value(document).unwrap();
        assert_eq!(
            (&written["events"][0]["kind"], &written["resume_token"]),
            (&json!("STARTED"), &json!("7"))
        );
    }
}
