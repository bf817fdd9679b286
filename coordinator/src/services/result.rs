//! Plans and result files, streamed.

use super::convert::{CHUNK, job_id, status};
use crate::assemble::{CURVES, MANIFEST, MEASUREMENTS, ROWS};
use crate::engine::Engine;
use futures::Stream;
use isoscope_core::violation::Violation;
use isoscope_proto::errors::{self, Reason};
use isoscope_proto::v1::result_service_server::ResultService;
use isoscope_proto::v1::{
    GetPlanRequest, GetPlanResponse, GetResultFileRequest, GetResultFileResponse, ResultFile,
};
use std::pin::Pin;
use std::sync::Arc;
use tonic::{Request, Response, Status};

pub(crate) struct ResultFiles {
    engine: Arc<Engine>,
}

impl ResultFiles {
    pub(crate) fn new(engine: Arc<Engine>) -> Self {
        Self { engine }
    }
}

type Parts<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

fn parts<T: Send + 'static>(bytes: &[u8], part: impl Fn(Vec<u8>) -> T) -> Parts<T> {
    let parts: Vec<Result<T, Status>> = bytes.chunks(CHUNK).map(|chunk| Ok(part(chunk.to_vec()))).collect();
    Box::pin(tokio_stream::iter(parts))
}

fn file_name(file: ResultFile) -> Option<&'static str> {
    match file {
        ResultFile::Unspecified => None,
        ResultFile::MeasurementsParquet => Some(MEASUREMENTS),
        ResultFile::CurvesParquet => Some(CURVES),
        ResultFile::ManifestJson => Some(MANIFEST),
        ResultFile::RowsJson => Some(ROWS),
    }
}

#[tonic::async_trait]
impl ResultService for ResultFiles {
    type GetPlanStream = Parts<GetPlanResponse>;
    type GetResultFileStream = Parts<GetResultFileResponse>;

    async fn get_plan(
        &self,
        request: Request<GetPlanRequest>,
    ) -> Result<Response<Self::GetPlanStream>, Status> {
        let name = request.get_ref().job.clone();
        let record = self.engine.store.job(job_id(&name)?).await.map_err(status)?;
        let plan = record
            .plan
            .ok_or_else(|| errors::failed_precondition(Reason::NotReady, &name, "there is no plan yet"))?;
        let bytes = self.engine.blobs.get(&plan.digest).await.map_err(status)?;
        Ok(Response::new(parts(&bytes, |data| GetPlanResponse { data })))
    }

    async fn get_result_file(
        &self,
        request: Request<GetResultFileRequest>,
    ) -> Result<Response<Self::GetResultFileStream>, Status> {
        let request = request.into_inner();
        let missing =
            || errors::invalid_argument("no file is named", &[Violation::new("file", "must be set")]);
        let name = file_name(request.file()).ok_or_else(missing)?;
        let record = self.engine.store.job(job_id(&request.job)?).await.map_err(status)?;
        let blob = record.results.as_ref().and_then(|results| results.get(name)).ok_or_else(|| {
            errors::failed_precondition(Reason::NotReady, &request.job, "the job has no results")
        })?;
        let bytes = self.engine.blobs.get(&blob.digest).await.map_err(status)?;
        Ok(Response::new(parts(&bytes, |data| GetResultFileResponse { data })))
    }
}
