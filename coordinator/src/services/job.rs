//! Jobs: submit, inspect, follow, cancel.

use super::convert::{job, job_id, status, stopping};
use crate::engine::Engine;
use crate::store::{JobRecord, JobState, NewJob, StoreError};
use futures::Stream;
use isoscope_core::plan::Plan;
use isoscope_core::study::Study;
use isoscope_core::violation::Violation;
use isoscope_proto::errors;
use isoscope_proto::time::timestamp;
use isoscope_proto::v1::job::State;
use isoscope_proto::v1::job_service_server::JobService;
use isoscope_proto::v1::{
    CancelJobRequest, CancelJobResponse, CreateJobRequest, CreateJobResponse, GetJobRequest, GetJobResponse,
    Job, JobEvent, ListJobEventsRequest, ListJobEventsResponse, ListJobsRequest, ListJobsResponse,
    WatchJobRequest, WatchJobResponse,
};
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

/// Rows in a page when the client names no number.
const PAGE: u32 = 50;
/// Most rows in a page.
const LARGEST_PAGE: u32 = 1000;
/// Changes of a job that a slow watcher may be behind; a watcher always gets the newest state next.
const WATCH_BUFFER: usize = 4;

pub(crate) struct Jobs {
    engine: Arc<Engine>,
}

impl Jobs {
    pub(crate) fn new(engine: Arc<Engine>) -> Self {
        Self { engine }
    }
}

async fn look(engine: &Engine, record: JobRecord) -> Result<Job, Status> {
    Ok(job(&engine.view(record).await.map_err(status)?))
}

/// Rows in a page, of what the client asked for.
fn page(size: i32) -> u32 {
    u32::try_from(size).ok().filter(|&n| n > 0).unwrap_or(PAGE).min(LARGEST_PAGE)
}

fn malformed(field: &str, message: &str) -> Status {
    errors::invalid_argument(format!("`{field}` is malformed"), &[Violation::new(field, message)])
}

/// Reads the study of a request: JSON of the form of a study file, refused with every violation at once. As far as workers are
/// connected, what it asks of plugins is checked against their manifests too, before anything is scheduled.
async fn read_study(engine: &Engine, bytes: &[u8]) -> Result<String, Status> {
    let value = serde_json::from_slice(bytes)
        .map_err(|e| errors::invalid_study(&[Violation::new("study_json", e.to_string())]))?;
    let study = Study::from_value(value).map_err(|found| errors::invalid_study(&found.0))?;
    let catalogue = engine.catalogue().await.map_err(status)?;
    if !catalogue.is_empty() {
        Plan::check(&study, &catalogue).map_err(|found| errors::invalid_study(&found.0))?;
    }
    serde_json::to_string(&study).map_err(|e| Status::internal(e.to_string()))
}

#[tonic::async_trait]
impl JobService for Jobs {
    type WatchJobStream = Pin<Box<dyn Stream<Item = Result<WatchJobResponse, Status>> + Send>>;

    async fn create_job(
        &self,
        request: Request<CreateJobRequest>,
    ) -> Result<Response<CreateJobResponse>, Status> {
        let request = request.into_inner();
        if request.request_id.is_empty() {
            let missing = Violation::new("request_id", "choose one, so that a repeat makes no second job");
            return Err(errors::invalid_argument("the request id is missing", &[missing]));
        }
        let new = NewJob {
            id: uuid::Uuid::new_v4().to_string(),
            request_id: request.request_id,
            study: read_study(&self.engine, &request.study_json).await?,
            base_directory: request.base_directory,
            validate_only: request.validate_only,
        };
        let record = self.engine.submit(&new).await.map_err(status)?;
        Ok(Response::new(CreateJobResponse { job: Some(look(&self.engine, record).await?) }))
    }

    async fn get_job(&self, request: Request<GetJobRequest>) -> Result<Response<GetJobResponse>, Status> {
        let record = self.engine.store.job(job_id(&request.get_ref().name)?).await.map_err(status)?;
        Ok(Response::new(GetJobResponse { job: Some(look(&self.engine, record).await?) }))
    }

    async fn list_jobs(
        &self,
        request: Request<ListJobsRequest>,
    ) -> Result<Response<ListJobsResponse>, Status> {
        let request = request.into_inner();
        let size = page(request.page_size);
        let states = request.states().filter_map(stored_state).collect::<Vec<_>>();
        let after = Some(request.page_token.as_str()).filter(|token| !token.is_empty());
        let records = self.engine.store.jobs_page(&states, after, size).await;
        let records = records.map_err(|error| match error {
            StoreError::NoSuchJob(_) => malformed("page_token", "must be as it was returned"),
            other => status(other),
        })?;
        let full = records.len() as u32 == size;
        let next = records.last().filter(|_| full).map(|last| last.id.clone()).unwrap_or_default();
        let mut jobs = Vec::with_capacity(records.len());
        for record in records {
            jobs.push(look(&self.engine, record).await?);
        }
        Ok(Response::new(ListJobsResponse { jobs, next_page_token: next }))
    }

    async fn list_job_events(
        &self,
        request: Request<ListJobEventsRequest>,
    ) -> Result<Response<ListJobEventsResponse>, Status> {
        let request = request.into_inner();
        let id = self.engine.store.job(job_id(&request.name)?).await.map_err(status)?.id;
        let size = page(request.page_size);
        let after = match request.page_token.as_str() {
            "" => 0,
            token => token.parse().map_err(|_| malformed("page_token", "must be as it was returned"))?,
        };
        let events = self.engine.store.events_after(&id, after, size).await.map_err(status)?;
        let full = events.len() as u32 == size;
        let next = events.last().filter(|_| full).map(|last| last.seq.to_string()).unwrap_or_default();
        let events = events.into_iter().map(|event| JobEvent {
            time: Some(timestamp(event.at)),
            kind: event.kind,
            message: event.message,
        });
        Ok(Response::new(ListJobEventsResponse { events: events.collect(), next_page_token: next }))
    }

    async fn cancel_job(
        &self,
        request: Request<CancelJobRequest>,
    ) -> Result<Response<CancelJobResponse>, Status> {
        let record = self.engine.cancel(job_id(&request.get_ref().name)?).await.map_err(status)?;
        Ok(Response::new(CancelJobResponse { job: Some(look(&self.engine, record).await?) }))
    }

    async fn watch_job(
        &self,
        request: Request<WatchJobRequest>,
    ) -> Result<Response<Self::WatchJobStream>, Status> {
        let request = request.into_inner();
        let id = self.engine.store.job(job_id(&request.name)?).await.map_err(status)?.id;
        let seen = match request.resume_token.as_str() {
            "" => None,
            token => {
                Some(token.parse().map_err(|_| malformed("resume_token", "must be as it was returned"))?)
            }
        };
        let (sender, receiver) = mpsc::channel(WATCH_BUFFER);
        tokio::spawn(watch(Arc::clone(&self.engine), id, seen, sender));
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }
}

fn stored_state(wire: State) -> Option<JobState> {
    match wire {
        State::Unspecified => None,
        State::Queued => Some(JobState::Queued),
        State::Running => Some(JobState::Running),
        State::Succeeded => Some(JobState::Succeeded),
        State::Failed => Some(JobState::Failed),
        State::Cancelled => Some(JobState::Cancelled),
    }
}

/// Sends the job whenever it has changed, until it ends, nobody listens or the coordinator stops. A client that names the revision
/// that it has seen gets the next one first, unless the job has ended.
async fn watch(
    engine: Arc<Engine>,
    id: String,
    seen: Option<i64>,
    sender: mpsc::Sender<Result<WatchJobResponse, Status>>,
) {
    let mut changes = engine.subscribe();
    let mut last = None;
    loop {
        changes.mark_unchanged();
        let record = match engine.store.job(&id).await {
            Ok(record) => record,
            Err(error) => return drop(sender.send(Err(status(error))).await),
        };
        let (revision, ended) = (record.revision, record.state.is_final());
        let job = match look(&engine, record).await {
            Ok(job) => job,
            Err(error) => return drop(sender.send(Err(error)).await),
        };
        let known = last.is_none() && seen == Some(revision) && !ended;
        if !known && last.as_ref() != Some(&job) {
            let change = WatchJobResponse { resume_token: revision.to_string(), job: Some(job.clone()) };
            if sender.send(Ok(change)).await.is_err() {
                return;
            }
        }
        last = Some(job);
        if ended {
            return;
        }
        tokio::select! {
            () = sender.closed() => return,
            () = engine.stopping.cancelled() => return drop(sender.send(Err(stopping())).await),
            _ = changes.changed() => {}
        }
    }
}
