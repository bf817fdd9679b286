//! A client of the coordinator's services for people.

mod follow;
mod place;

pub(crate) use place::Place;

use crate::connect::Remote;
use crate::failure::Failure;
use crate::job::JobName;
use anyhow::Context as _;
use isoscope_core::plan::Plan;
use isoscope_core::result::{CurvePoint, Difference, Measurement};
use isoscope_core::study::Study;
use isoscope_core::study::TableSpec;
use isoscope_core::violation::{Violation, Violations};
use isoscope_proto::link::Link;
use isoscope_proto::v1::fleet_service_client::FleetServiceClient;
use isoscope_proto::v1::job::State;
use isoscope_proto::v1::job_service_client::JobServiceClient;
use isoscope_proto::v1::result_service_client::ResultServiceClient;
use isoscope_proto::v1::{
    CancelJobRequest, CreateJobRequest, GetJobRequest, GetPlanRequest, GetResultFileRequest, Job, JobEvent,
    ListJobEventsRequest, ListJobsRequest, ListResultFilesRequest, ListWorkersRequest, Worker,
};
use serde::Deserialize;
use std::path::PathBuf;
use tonic::{Code, Status};

/// Jobs or events asked for at a time.
const PAGE: i32 = 200;
/// Name of the document of all rows of a job.
const ROWS: &str = "rows.json";
/// Where the coordinator of a local run is, for messages.
const HERE: &str = "this process";

/// Rows of a job, and the order in which tables show them.
#[derive(Debug, Deserialize)]
pub(crate) struct Rows {
    /// One number each.
    pub(crate) measurements: Vec<Measurement>,
    /// One point each.
    pub(crate) curves: Vec<CurvePoint>,
    /// One difference each.
    pub(crate) differences: Vec<Difference>,
    /// Models in the study's order.
    pub(crate) models: Vec<String>,
    /// Spaces in the study's order.
    pub(crate) spaces: Vec<String>,
    /// Tables that the study asks for.
    pub(crate) tables: Vec<TableSpec>,
}

/// A study as it is handed in.
pub(crate) struct Submission<'a> {
    /// What to compute.
    pub(crate) study: &'a Study,
    /// Directory that relative sources are taken from.
    pub(crate) base: PathBuf,
    /// The same id with the same study is the same job.
    pub(crate) request_id: String,
    /// End as soon as there is a plan.
    pub(crate) plan_only: bool,
}

impl<'a> Submission<'a> {
    /// A study to be run once.
    pub(crate) fn new(study: &'a Study, base: PathBuf) -> Self {
        Self { study, base, request_id: uuid::Uuid::new_v4().to_string(), plan_only: false }
    }
}

/// The way to a coordinator.
pub(crate) struct Client {
    url: String,
    /// Whether the coordinator lives on when this process ends.
    elsewhere: bool,
    jobs: JobServiceClient<Link>,
    results: ResultServiceClient<Link>,
    fleet: FleetServiceClient<Link>,
}

impl Client {
    /// Speaks to the coordinator of this process.
    pub(crate) fn here(link: Link) -> Self {
        Self { elsewhere: false, ..Self::elsewhere(Remote { url: HERE.to_owned(), link }) }
    }

    /// Speaks to a coordinator elsewhere.
    pub(crate) fn elsewhere(remote: Remote) -> Self {
        let Remote { url, link } = remote;
        Self {
            url,
            elsewhere: true,
            jobs: JobServiceClient::new(link.clone()),
            results: ResultServiceClient::new(link.clone()),
            fleet: FleetServiceClient::new(link),
        }
    }

    /// Hands a study in.
    pub(crate) async fn submit(&mut self, submission: &Submission<'_>) -> anyhow::Result<Job> {
        let request = CreateJobRequest {
            study_json: serde_json::to_vec(submission.study)?,
            request_id: submission.request_id.clone(),
            validate_only: submission.plan_only,
            base_directory: submission.base.display().to_string(),
        };
        let created = self.jobs.create_job(request).await.map_err(|status| self.refused(&status))?;
        created.into_inner().job.context("the coordinator made no job")
    }

    /// Looks a job up.
    pub(crate) async fn job(&mut self, job: &JobName) -> anyhow::Result<Job> {
        let answer = self.jobs.get_job(GetJobRequest { name: job.to_string() }).await;
        let answer = answer.map_err(|status| self.refused_for(job, &status))?;
        answer.into_inner().job.context("the coordinator described no job")
    }

    /// Lists jobs, the newest first; all of them when no state is named.
    pub(crate) async fn jobs(&mut self, states: &[State]) -> anyhow::Result<Vec<Job>> {
        let mut request = ListJobsRequest { page_size: PAGE, ..ListJobsRequest::default() };
        request.states = states.iter().map(|&state| state.into()).collect();
        let mut jobs = Vec::new();
        loop {
            let answer =
                self.jobs.list_jobs(request.clone()).await.map_err(|status| self.refused(&status))?;
            let page = answer.into_inner();
            jobs.extend(page.jobs);
            if page.next_page_token.is_empty() {
                return Ok(jobs);
            }
            request.page_token = page.next_page_token;
        }
    }

    /// Lists what happened to a job, oldest first.
    pub(crate) async fn events(&mut self, job: &JobName) -> anyhow::Result<Vec<JobEvent>> {
        let mut request =
            ListJobEventsRequest { name: job.to_string(), page_size: PAGE, page_token: String::new() };
        let mut events = Vec::new();
        loop {
            let answer = self.jobs.list_job_events(request.clone()).await;
            let page = answer.map_err(|status| self.refused_for(job, &status))?.into_inner();
            events.extend(page.events);
            if page.next_page_token.is_empty() {
                return Ok(events);
            }
            request.page_token = page.next_page_token;
        }
    }

    /// Stops a job for good.
    pub(crate) async fn cancel(&mut self, job: &JobName) -> anyhow::Result<Job> {
        let answer = self.jobs.cancel_job(CancelJobRequest { name: job.to_string() }).await;
        let answer = answer.map_err(|status| self.refused_for(job, &status))?;
        answer.into_inner().job.context("the coordinator described no job")
    }

    /// Lists the workers.
    pub(crate) async fn workers(&mut self) -> anyhow::Result<Vec<Worker>> {
        let answer = self.fleet.list_workers(ListWorkersRequest {}).await;
        Ok(answer.map_err(|status| self.refused(&status))?.into_inner().workers)
    }

    /// Fetches the plan of a job.
    pub(crate) async fn plan(&mut self, job: &str) -> anyhow::Result<Plan> {
        let request = GetPlanRequest { job: job.to_owned() };
        let answer = self.results.get_plan(request).await;
        let mut parts = answer.map_err(|status| self.refused(&status))?.into_inner();
        let mut bytes = Vec::new();
        while let Some(part) = parts.message().await.map_err(|status| self.refused(&status))? {
            bytes.extend_from_slice(&part.data);
        }
        Ok(Plan::from_bytes(&bytes)?)
    }

    /// Lists the names of the result files of a job.
    pub(crate) async fn files(&mut self, job: &str) -> anyhow::Result<Vec<String>> {
        let answer = self.results.list_result_files(ListResultFilesRequest { job: job.to_owned() }).await;
        let files = answer.map_err(|status| self.refused(&status))?.into_inner().files;
        Ok(files.into_iter().map(|file| file.name).collect())
    }

    /// Fetches a result file of a job.
    pub(crate) async fn file(&mut self, job: &str, name: &str) -> anyhow::Result<Vec<u8>> {
        let request = GetResultFileRequest { job: job.to_owned(), name: name.to_owned() };
        let answer = self.results.get_result_file(request).await;
        let mut parts = answer.map_err(|status| self.refused(&status))?.into_inner();
        let mut bytes = Vec::new();
        while let Some(part) = parts.message().await.map_err(|status| self.refused(&status))? {
            bytes.extend_from_slice(&part.data);
        }
        Ok(bytes)
    }

    /// Fetches the rows of a job.
    pub(crate) async fn rows(&mut self, job: &str) -> anyhow::Result<Rows> {
        let bytes = self.file(job, ROWS).await?;
        serde_json::from_slice(&bytes).context("the rows of the job")
    }

    fn refused(&self, status: &Status) -> Failure {
        Failure::status(&self.url, status)
    }

    fn refused_for(&self, job: &JobName, status: &Status) -> Failure {
        if status.code() == Code::NotFound {
            return Failure::Input(format!("the coordinator at {} knows no job {job}", self.url));
        }
        self.refused(status)
    }
}

/// Whether a job has ended.
pub(crate) fn has_ended(job: &Job) -> bool {
    matches!(job.state(), State::Succeeded | State::Failed | State::Cancelled)
}

/// A job that succeeded, or why it did not.
pub(crate) fn succeeded(job: Job) -> Result<Job, Failure> {
    match job.state() {
        State::Succeeded => Ok(job),
        State::Cancelled => Err(Failure::State(format!("{} was cancelled", job.name))),
        _ if job.violations.is_empty() => Err(Failure::Job(job.state_reason)),
        _ => Err(Failure::Study(Violations(job.violations.iter().map(Violation::from).collect()))),
    }
}
