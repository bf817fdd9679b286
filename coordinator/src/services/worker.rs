//! Workers: register, ask for tasks, beat, move blobs, answer.

use super::convert::{CHUNK, job_name, new_session, status, stopping, upload_status};
use crate::engine::{Engine, now};
use crate::store::{Attempt, Claimed, Claimer, Committed, Lease};
use crate::uploads::Uploads;
use futures::Stream;
use isoscope_core::task::{BlobRef, Failure, Output};
use isoscope_core::violation::Violation;
use isoscope_proto::PROTOCOL_VERSION;
use isoscope_proto::convert::required;
use isoscope_proto::errors::{self, Reason};
use isoscope_proto::time::{from_wire, to_wire};
use isoscope_proto::v1::worker_service_server::WorkerService;
use isoscope_proto::v1::{
    AcquireTasksRequest, AcquireTasksResponse, CompleteTaskRequest, CompleteTaskResponse,
    DownloadBlobRequest, DownloadBlobResponse, FailTaskRequest, FailTaskResponse, HeartbeatRequest,
    HeartbeatResponse, RegisterWorkerRequest, RegisterWorkerResponse, ReleaseTaskRequest,
    ReleaseTaskResponse, Task, TaskLease, UnregisterWorkerRequest, UnregisterWorkerResponse,
    UploadBlobRequest, UploadBlobResponse,
};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tonic::{Request, Response, Status, Streaming};

/// Longest that a request for tasks is kept open.
const LONGEST_POLL: Duration = Duration::from_secs(30);

pub(crate) struct Workers {
    engine: Arc<Engine>,
    heartbeat: Duration,
    uploads: Uploads,
}

impl Workers {
    pub(crate) fn new(engine: Arc<Engine>, uploads: Uploads, heartbeat: Duration) -> Self {
        Self { engine, heartbeat, uploads }
    }

    /// Claims tasks as soon as there are any, or none when the wait is over.
    async fn wait_for_tasks(&self, claimer: Claimer<'_>, wait: Duration) -> Result<Vec<Claimed>, Status> {
        let mut changes = self.engine.subscribe();
        let deadline = Instant::now() + wait;
        loop {
            changes.mark_unchanged();
            let claimed = self.engine.claim(claimer).await.map_err(status)?;
            if !claimed.is_empty() || Instant::now() >= deadline {
                return Ok(claimed);
            }
            // Nothing else wakes the poll when the wait of a task that failed is over.
            let due = self.engine.store.next_due(now()).await.map_err(status)?;
            let due =
                due.map(|due| Instant::now() + Duration::from_millis((due - now()).max(0).unsigned_abs()));
            tokio::select! {
                () = self.engine.stopping.cancelled() => return Err(stopping()),
                _ = changes.changed() => {}
                () = tokio::time::sleep_until(due.map_or(deadline, |due| due.min(deadline))) => {}
            }
        }
    }
}

fn lease(task: Claimed) -> Result<TaskLease, Status> {
    Ok(TaskLease {
        task_id: task.id.to_string(),
        attempt: u32::try_from(task.epoch).unwrap_or(u32::MAX),
        lease_epoch: task.epoch,
        job: job_name(&task.job),
        base_directory: task.base_directory,
        task: Some(Task::try_from(&task.work)?),
    })
}

fn task_id(text: &str) -> Result<i64, Status> {
    text.parse().map_err(|_| {
        errors::invalid_argument(
            "the task id is malformed",
            &[Violation::new("task_id", "must be as it was leased")],
        )
    })
}

/// The lease that a request shows.
fn shown<'a>(session: &'a str, task: &str, epoch: i64) -> Result<Lease<'a>, Status> {
    Ok(Lease { session, task: task_id(task)?, epoch })
}

type Parts = Pin<Box<dyn Stream<Item = Result<DownloadBlobResponse, Status>> + Send>>;

#[tonic::async_trait]
impl WorkerService for Workers {
    type DownloadBlobStream = Parts;

    async fn register_worker(
        &self,
        request: Request<RegisterWorkerRequest>,
    ) -> Result<Response<RegisterWorkerResponse>, Status> {
        let request = request.into_inner();
        if request.protocol_version != PROTOCOL_VERSION {
            let message = format!(
                "the worker speaks protocol {}, this coordinator {PROTOCOL_VERSION}: run the same release on both",
                request.protocol_version
            );
            return Err(errors::failed_precondition(Reason::ProtocolVersion, &request.worker_name, message));
        }
        let session = new_session(request)?;
        self.engine.register(&session).await.map_err(status)?;
        Ok(Response::new(RegisterWorkerResponse {
            session_id: session.id,
            session_ttl: Some(to_wire(self.engine.session_ttl)),
            heartbeat_interval: Some(to_wire(self.heartbeat)),
        }))
    }

    async fn unregister_worker(
        &self,
        request: Request<UnregisterWorkerRequest>,
    ) -> Result<Response<UnregisterWorkerResponse>, Status> {
        self.engine.unregister(&request.get_ref().session_id).await.map_err(status)?;
        Ok(Response::new(UnregisterWorkerResponse {}))
    }

    async fn acquire_tasks(
        &self,
        request: Request<AcquireTasksRequest>,
    ) -> Result<Response<AcquireTasksResponse>, Status> {
        let request = request.into_inner();
        let wait = from_wire(request.wait).unwrap_or_default().min(LONGEST_POLL);
        let (session, loaded) = (request.session_id.as_str(), request.loaded_models.as_slice());
        let claimer = Claimer { session, most: request.max_tasks.max(1), loaded };
        let claimed = self.wait_for_tasks(claimer, wait).await?;
        let leases = claimed.into_iter().map(lease).collect::<Result<_, Status>>()?;
        Ok(Response::new(AcquireTasksResponse { leases }))
    }

    async fn heartbeat(
        &self,
        request: Request<HeartbeatRequest>,
    ) -> Result<Response<HeartbeatResponse>, Status> {
        let request = request.into_inner();
        let running = request.running.iter().map(|task| Ok((task_id(&task.task_id)?, task.lease_epoch)));
        let running = running.collect::<Result<Vec<_>, Status>>()?;
        let beat = self.engine.beat(&request.session_id, &running, request.draining);
        let revoked_task_ids = beat.await.map_err(status)?.iter().map(ToString::to_string).collect();
        Ok(Response::new(HeartbeatResponse { revoked_task_ids, drain: false }))
    }

    async fn upload_blob(
        &self,
        request: Request<Streaming<UploadBlobRequest>>,
    ) -> Result<Response<UploadBlobResponse>, Status> {
        let mut parts = request.into_inner();
        let mut answer = None;
        while let Some(part) = parts.message().await? {
            let digest = required("digest", part.digest)?;
            let blob = BlobRef::try_from(&digest)?;
            answer = Some(digest);
            if self.engine.blobs.has(&blob.digest).await.map_err(status)? {
                break;
            }
            let offset = u64::try_from(part.offset).unwrap_or(u64::MAX);
            let taken = self.uploads.take(&blob, offset, &part.data).await;
            if let Some(whole) = taken.map_err(|e| upload_status(&e))? {
                self.engine.blobs.put_as(&blob, whole).await.map_err(status)?;
            }
        }
        let committed_bytes = match &answer {
            None => 0,
            Some(digest) => {
                let blob = BlobRef::try_from(digest)?;
                let whole = self.engine.blobs.has(&blob.digest).await.map_err(status)?;
                let received = self.uploads.received(&blob).await.map_err(|e| upload_status(&e))?;
                if whole { blob.size as i64 } else { received as i64 }
            }
        };
        Ok(Response::new(UploadBlobResponse { digest: answer, committed_bytes }))
    }

    async fn download_blob(
        &self,
        request: Request<DownloadBlobRequest>,
    ) -> Result<Response<Self::DownloadBlobStream>, Status> {
        let blob = BlobRef::try_from(&required("digest", request.into_inner().digest)?)?;
        let bytes = self.engine.blobs.get(&blob.digest).await.map_err(status)?;
        let parts: Vec<Result<DownloadBlobResponse, Status>> =
            bytes.chunks(CHUNK).map(|chunk| Ok(DownloadBlobResponse { data: chunk.to_vec() })).collect();
        Ok(Response::new(Box::pin(tokio_stream::iter(parts))))
    }

    async fn complete_task(
        &self,
        request: Request<CompleteTaskRequest>,
    ) -> Result<Response<CompleteTaskResponse>, Status> {
        let request = request.into_inner();
        let output = Output::try_from(&required("output", request.output)?)?;
        let lease = shown(&request.session_id, &request.task_id, request.lease_epoch)?;
        let committed = self.engine.complete(lease, &output).await.map_err(status)?;
        Ok(Response::new(CompleteTaskResponse { duplicate: committed == Committed::Duplicate }))
    }

    async fn fail_task(
        &self,
        request: Request<FailTaskRequest>,
    ) -> Result<Response<FailTaskResponse>, Status> {
        let request = request.into_inner();
        let class = Failure::try_from(request.failure_class())?;
        let lease = shown(&request.session_id, &request.task_id, request.lease_epoch)?;
        let attempt = Attempt { class, message: &request.message, field: &request.field };
        self.engine.fail(lease, attempt).await.map_err(status)?;
        Ok(Response::new(FailTaskResponse {}))
    }

    async fn release_task(
        &self,
        request: Request<ReleaseTaskRequest>,
    ) -> Result<Response<ReleaseTaskResponse>, Status> {
        let request = request.into_inner();
        let lease = shown(&request.session_id, &request.task_id, request.lease_epoch)?;
        self.engine.store.release(lease, now()).await.map_err(status)?;
        self.engine.changed();
        Ok(Response::new(ReleaseTaskResponse {}))
    }
}
