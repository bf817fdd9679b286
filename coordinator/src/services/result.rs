//! Plans and result files, streamed.

use super::convert::{CHUNK, job_id, status};
use crate::assemble::ROWS;
use crate::engine::Engine;
use crate::store::Results;
use futures::Stream;
use isoscope_core::violation::Violation;
use isoscope_proto::errors::{self, Reason};
use isoscope_proto::v1::result_service_server::ResultService;
use isoscope_proto::v1::{
    Digest, GetPlanRequest, GetPlanResponse, GetResultFileRequest, GetResultFileResponse,
    ListResultFilesRequest, ListResultFilesResponse, ResultFile,
};
use std::pin::Pin;
use std::sync::Arc;
use tonic::{Code, Request, Response, Status};

pub(crate) struct ResultFiles {
    engine: Arc<Engine>,
}

impl ResultFiles {
    pub(crate) fn new(engine: Arc<Engine>) -> Self {
        Self { engine }
    }

    /// The files of a job that succeeded.
    async fn files(&self, job: &str) -> Result<Results, Status> {
        let record = self.engine.store.job(job_id(job)?).await.map_err(status)?;
        record
            .results
            .ok_or_else(|| errors::failed_precondition(Reason::NotReady, job, "the job has no results"))
    }
}

type Parts<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

fn parts<T: Send + 'static>(bytes: &[u8], part: impl Fn(Vec<u8>) -> T) -> Parts<T> {
    let parts: Vec<Result<T, Status>> = bytes.chunks(CHUNK).map(|chunk| Ok(part(chunk.to_vec()))).collect();
    Box::pin(tokio_stream::iter(parts))
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

    async fn list_result_files(
        &self,
        request: Request<ListResultFilesRequest>,
    ) -> Result<Response<ListResultFilesResponse>, Status> {
        let files = self.files(&request.get_ref().job).await?;
        let files = files.iter().filter(|(name, _)| *name != ROWS).map(|(name, blob)| {
            let digest = Digest::try_from(blob).map_err(|e| Status::internal(e.to_string()))?;
            Ok(ResultFile { name: name.clone(), digest: Some(digest) })
        });
        let files = files.collect::<Result<_, Status>>()?;
        Ok(Response::new(ListResultFilesResponse { files }))
    }

    async fn get_result_file(
        &self,
        request: Request<GetResultFileRequest>,
    ) -> Result<Response<Self::GetResultFileStream>, Status> {
        let GetResultFileRequest { job, name } = request.into_inner();
        if name.is_empty() {
            return Err(errors::invalid_argument(
                "no file is named",
                &[Violation::new("name", "must be set")],
            ));
        }
        let files = self.files(&job).await?;
        let blob = files.get(&name).ok_or_else(|| {
            let known: Vec<&str> = files.keys().map(String::as_str).collect();
            let message = format!("the job has no file `{name}`; it has {}", known.join(", "));
            errors::status(Code::NotFound, Reason::NotFound, message)
        })?;
        let bytes = self.engine.blobs.get(&blob.digest).await.map_err(status)?;
        Ok(Response::new(parts(&bytes, |data| GetResultFileResponse { data })))
    }
}
