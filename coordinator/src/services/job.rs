//! Jobs: submit, inspect, follow, cancel.

use super::convert::{job, job_id, job_name, status};
use crate::engine::Engine;
use crate::store::{JobRecord, NewJob};
use futures::Stream;
use isoscope_core::study::Study;
use isoscope_core::violation::Violation;
use isoscope_proto::errors;
use isoscope_proto::v1::job_service_server::JobService;
use isoscope_proto::v1::{
    CancelJobRequest, CancelJobResponse, CreateJobRequest, CreateJobResponse, GetJobRequest, GetJobResponse,
    Job, ListJobsRequest, ListJobsResponse, WatchJobRequest, WatchJobResponse,
};
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status};

/// Jobs in a page when the client names no number.
const PAGE: u32 = 50;
/// Most jobs in a page.
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

async fn describe(engine: &Engine, record: &JobRecord) -> Result<Job, Status> {
    let done = engine.store.tasks_done(&record.id).await.map_err(status)?;
    Ok(job(record, engine.summary(record).await, done))
}

/// Reads the study of a request: JSON of the form of a study file, refused with every violation at once.
fn read_study(bytes: &[u8]) -> Result<String, Status> {
    let value = serde_json::from_slice(bytes)
        .map_err(|e| errors::invalid_study(&[Violation::new("study_json", e.to_string())]))?;
    let study = Study::from_value(value).map_err(|found| errors::invalid_study(&found.0))?;
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
            study: read_study(&request.study_json)?,
            base_directory: request.base_directory,
            validate_only: request.validate_only,
        };
        let record = self.engine.submit(&new).await.map_err(status)?;
        Ok(Response::new(CreateJobResponse { job: Some(describe(&self.engine, &record).await?) }))
    }

    async fn get_job(&self, request: Request<GetJobRequest>) -> Result<Response<GetJobResponse>, Status> {
        let record = self.engine.store.job(job_id(&request.get_ref().name)?).await.map_err(status)?;
        Ok(Response::new(GetJobResponse { job: Some(describe(&self.engine, &record).await?) }))
    }

    async fn list_jobs(
        &self,
        request: Request<ListJobsRequest>,
    ) -> Result<Response<ListJobsResponse>, Status> {
        let request = request.into_inner();
        let size = u32::try_from(request.page_size).ok().filter(|&n| n > 0).unwrap_or(PAGE).min(LARGEST_PAGE);
        let records = self.engine.store.jobs_after(&request.page_token, size).await.map_err(status)?;
        let full = records.len() as u32 == size;
        let next = records.last().filter(|_| full).map(|last| last.id.clone()).unwrap_or_default();
        let mut jobs = Vec::with_capacity(records.len());
        for record in &records {
            jobs.push(describe(&self.engine, record).await?);
        }
        Ok(Response::new(ListJobsResponse { jobs, next_page_token: next }))
    }

    async fn cancel_job(
        &self,
        request: Request<CancelJobRequest>,
    ) -> Result<Response<CancelJobResponse>, Status> {
        let record = self.engine.cancel(job_id(&request.get_ref().name)?).await.map_err(status)?;
        Ok(Response::new(CancelJobResponse { job: Some(describe(&self.engine, &record).await?) }))
    }

    async fn watch_job(
        &self,
        request: Request<WatchJobRequest>,
    ) -> Result<Response<Self::WatchJobStream>, Status> {
        let id = job_id(&request.get_ref().name)?.to_owned();
        self.engine.store.job(&id).await.map_err(status)?;
        let (sender, receiver) = mpsc::channel(WATCH_BUFFER);
        tokio::spawn(watch(Arc::clone(&self.engine), id, sender));
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }
}

/// Sends the job whenever it has changed, until it ends or nobody listens.
async fn watch(engine: Arc<Engine>, id: String, sender: mpsc::Sender<Result<WatchJobResponse, Status>>) {
    let mut changes = engine.subscribe();
    let mut last = None;
    loop {
        let version = *changes.borrow_and_update();
        let seen = match engine.store.job(&id).await.map_err(status) {
            Ok(record) => describe(&engine, &record).await.map(|job| (job, record.state.is_final())),
            Err(error) => Err(error),
        };
        let (job, ended) = match seen {
            Ok(seen) => seen,
            Err(error) => return drop(sender.send(Err(error)).await),
        };
        debug_assert_eq!(job.name, job_name(&id));
        if last.as_ref() != Some(&job) {
            let change = WatchJobResponse { resume_token: version.to_string(), job: Some(job.clone()) };
            if sender.send(Ok(change)).await.is_err() {
                return;
            }
            last = Some(job);
        }
        if ended || changes.changed().await.is_err() {
            return;
        }
    }
}
