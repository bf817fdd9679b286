//! The coordinator's blobs, for the thread of a task.

use super::Shared;
use super::calls::{GivenUp, insist, within};
use super::running::InWork;
use crate::blobs::Blobs;
use crate::error::WorkerError;
use isoscope_core::digest::sha256;
use isoscope_core::task::BlobRef;
use isoscope_proto::UPLOAD_CHUNK;
use isoscope_proto::errors::{self, Reason};
use isoscope_proto::link::Link;
use isoscope_proto::v1::worker_service_client::WorkerServiceClient;
use isoscope_proto::v1::{Digest, DownloadBlobRequest, UploadBlobRequest};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;
use tonic::Status;

/// Most chunks in one call. Between calls the coordinator says what it holds, so that a deadline on each suits blobs of any
/// size, and a break costs no more than this.
const CHUNKS: usize = 8;
/// Longest that one call may take, or one part of a download.
const TRANSFER: Duration = Duration::from_mins(1);
/// Where an upload goes on when that is not known.
const ASK: usize = usize::MAX;

/// Blobs over the worker service.
pub(super) struct RemoteBlobs {
    client: WorkerServiceClient<Link>,
    runtime: Handle,
    shared: Arc<Shared>,
    in_work: Arc<InWork>,
}

impl RemoteBlobs {
    /// Speaks over `client` on behalf of a task, from threads outside the runtime.
    pub(super) fn new(
        client: WorkerServiceClient<Link>,
        runtime: Handle,
        shared: Arc<Shared>,
        in_work: Arc<InWork>,
    ) -> Self {
        Self { client, runtime, shared, in_work }
    }

    /// Fetches a blob, from the beginning after each break.
    pub(super) async fn download(&self, digest: &Digest) -> Result<Vec<u8>, GivenUp> {
        let call = || async {
            let request = DownloadBlobRequest { digest: Some(digest.clone()) };
            let mut parts = within(TRANSFER, self.client.clone().download_blob(request)).await?;
            let mut bytes = Vec::with_capacity(usize::try_from(digest.size_bytes).unwrap_or(0));
            while let Some(part) = next(&mut parts).await? {
                bytes.extend_from_slice(&part.data);
            }
            Ok(bytes)
        };
        insist(&self.shared.session, &self.in_work, call).await
    }

    /// Stores a blob. After a break the coordinator is asked how much it holds, and gets the rest.
    pub(super) async fn upload(&self, digest: &Digest, bytes: &[u8]) -> Result<(), GivenUp> {
        let at = AtomicUsize::new(0);
        let call = || async {
            let from = at.swap(ASK, Ordering::Relaxed);
            let parts =
                if from == ASK { vec![part(digest, bytes, 0, 0)] } else { parts(digest, bytes, from) };
            let asked = within(TRANSFER, self.client.clone().upload_blob(tokio_stream::iter(parts))).await;
            let committed = match asked {
                Ok(answer) => usize::try_from(answer.committed_bytes).unwrap_or(0).min(bytes.len()),
                // A coordinator that was restarted may hold less than it did.
                Err(status) if errors::reason(&status) == Some(Reason::UploadGap) => {
                    return Err(again(&status));
                }
                Err(status) => return Err(status),
            };
            if from != ASK && committed <= from && committed < bytes.len() {
                return Err(Status::unavailable("the coordinator kept nothing of an upload"));
            }
            at.store(committed, Ordering::Relaxed);
            Ok(committed)
        };
        // An empty blob still needs one message that names it.
        while insist(&self.shared.session, &self.in_work, &call).await? < bytes.len() {}
        Ok(())
    }
}

/// A refusal that asking anew puts right.
fn again(status: &Status) -> Status {
    Status::unavailable(status.message())
}

/// The next part of a download, within the deadline.
async fn next<T>(parts: &mut tonic::Streaming<T>) -> Result<Option<T>, Status> {
    within(TRANSFER, async { parts.message().await.map(tonic::Response::new) }).await
}

/// The next few chunks of a blob.
fn parts(digest: &Digest, bytes: &[u8], from: usize) -> Vec<UploadBlobRequest> {
    let end = bytes.len().max(from + 1).min(from + CHUNKS * UPLOAD_CHUNK);
    let starts = (from..end).step_by(UPLOAD_CHUNK);
    starts.map(|start| part(digest, bytes, start, (start + UPLOAD_CHUNK).min(bytes.len()))).collect()
}

fn part(digest: &Digest, bytes: &[u8], start: usize, end: usize) -> UploadBlobRequest {
    UploadBlobRequest { digest: Some(digest.clone()), offset: start as i64, data: bytes[start..end].to_vec() }
}

impl Blobs for RemoteBlobs {
    fn get(&self, blob: &BlobRef) -> Result<Vec<u8>, WorkerError> {
        let digest = Digest::try_from(blob).map_err(|e| WorkerError::task(e.to_string()))?;
        let bytes = self.runtime.block_on(self.download(&digest))?;
        if sha256(&bytes) != blob.digest {
            return Err(WorkerError::CorruptBlob { digest: blob.digest.clone() });
        }
        Ok(bytes)
    }

    fn put(&self, bytes: Vec<u8>) -> Result<BlobRef, WorkerError> {
        let blob = BlobRef { digest: sha256(&bytes), size: bytes.len() as u64 };
        let digest = Digest::try_from(&blob).map_err(|e| WorkerError::task(e.to_string()))?;
        self.runtime.block_on(self.upload(&digest, &bytes))?;
        Ok(blob)
    }
}
