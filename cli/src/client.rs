//! A client of the coordinator's services for people.

use crate::failure::Failure;
use crate::progress::Progress;
use anyhow::Context as _;
use isoscope_core::plan::Plan;
use isoscope_core::result::{CurvePoint, Measurement};
use isoscope_core::study::Study;
use isoscope_core::violation::{Violation, Violations};
use isoscope_proto::errors;
use isoscope_proto::v1::job::State;
use isoscope_proto::v1::job_service_client::JobServiceClient;
use isoscope_proto::v1::result_service_client::ResultServiceClient;
use isoscope_proto::v1::{
    CreateJobRequest, GetPlanRequest, GetResultFileRequest, Job, ResultFile, WatchJobRequest,
};
use serde::Deserialize;
use tonic::transport::Channel;
use tonic::{Code, Status};

/// Rows of a job, and the order in which tables show them.
#[derive(Debug, Deserialize)]
pub(crate) struct Rows {
    /// One number each.
    pub(crate) measurements: Vec<Measurement>,
    /// One point each.
    pub(crate) curves: Vec<CurvePoint>,
    /// Models in the study's order.
    pub(crate) models: Vec<String>,
    /// Spaces in the study's order.
    pub(crate) spaces: Vec<String>,
}

/// The way to a coordinator.
pub(crate) struct Client {
    jobs: JobServiceClient<Channel>,
    results: ResultServiceClient<Channel>,
}

impl Client {
    /// Speaks over `channel`.
    pub(crate) fn new(channel: Channel) -> Self {
        Self { jobs: JobServiceClient::new(channel.clone()), results: ResultServiceClient::new(channel) }
    }

    /// Submits a study and follows it to its end.
    pub(crate) async fn run(
        &mut self,
        study: &Study,
        validate_only: bool,
        progress: &Progress,
    ) -> anyhow::Result<Job> {
        let base = std::env::current_dir().context("the working directory")?;
        let request = CreateJobRequest {
            study_json: serde_json::to_vec(study)?,
            request_id: uuid::Uuid::new_v4().to_string(),
            validate_only,
            base_directory: base.display().to_string(),
        };
        let created = self.jobs.create_job(request).await.map_err(refused)?;
        let job = created.into_inner().job.context("the coordinator made no job")?;
        let watch = WatchJobRequest { name: job.name.clone(), resume_token: String::new() };
        let mut changes = self.jobs.watch_job(watch).await.map_err(refused)?.into_inner();
        let mut last = job;
        while let Some(change) = changes.message().await.map_err(refused)? {
            if let Some(job) = change.job {
                progress.show(&job);
                last = job;
            }
        }
        progress.end();
        match last.state() {
            State::Succeeded => Ok(last),
            _ => Err(ended_badly(last).into()),
        }
    }

    /// Fetches the plan of a job.
    pub(crate) async fn plan(&mut self, job: &str) -> anyhow::Result<Plan> {
        let request = GetPlanRequest { job: job.to_owned() };
        let mut parts = self.results.get_plan(request).await.map_err(refused)?.into_inner();
        let mut bytes = Vec::new();
        while let Some(part) = parts.message().await.map_err(refused)? {
            bytes.extend_from_slice(&part.data);
        }
        Ok(Plan::from_bytes(&bytes)?)
    }

    /// Fetches a result file of a job.
    pub(crate) async fn file(&mut self, job: &str, file: ResultFile) -> anyhow::Result<Vec<u8>> {
        let request = GetResultFileRequest { job: job.to_owned(), file: file.into() };
        let mut parts = self.results.get_result_file(request).await.map_err(refused)?.into_inner();
        let mut bytes = Vec::new();
        while let Some(part) = parts.message().await.map_err(refused)? {
            bytes.extend_from_slice(&part.data);
        }
        Ok(bytes)
    }

    /// Fetches the rows of a job.
    pub(crate) async fn rows(&mut self, job: &str) -> anyhow::Result<Rows> {
        let bytes = self.file(job, ResultFile::RowsJson).await?;
        serde_json::from_slice(&bytes).context("the rows of the job")
    }
}

fn refused(status: Status) -> Failure {
    match status.code() {
        Code::InvalidArgument => match errors::violations(&status) {
            found if found.is_empty() => Failure::Input(status.message().to_owned()),
            found => Failure::Study(Violations(found)),
        },
        Code::Unavailable | Code::Unauthenticated | Code::PermissionDenied => {
            Failure::Unreachable(status.message().to_owned())
        }
        _ => Failure::Job(status.message().to_owned()),
    }
}

fn ended_badly(job: Job) -> Failure {
    if job.violations.is_empty() {
        return Failure::Job(job.state_reason);
    }
    Failure::Study(Violations(job.violations.iter().map(Violation::from).collect()))
}
