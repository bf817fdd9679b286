//! The coordinator's blobs, for the thread of a task.

use crate::blobs::Blobs;
use crate::error::WorkerError;
use isoscope_core::digest::sha256;
use isoscope_core::task::BlobRef;
use isoscope_proto::UPLOAD_CHUNK;
use isoscope_proto::v1::worker_service_client::WorkerServiceClient;
use isoscope_proto::v1::{Digest, DownloadBlobRequest, UploadBlobRequest};
use tokio::runtime::Handle;
use tonic::transport::Channel;

/// Blobs over the worker service.
pub(super) struct RemoteBlobs {
    client: WorkerServiceClient<Channel>,
    runtime: Handle,
}

impl RemoteBlobs {
    /// Speaks over `client`, from threads outside the runtime.
    pub(super) fn new(client: WorkerServiceClient<Channel>, runtime: Handle) -> Self {
        Self { client, runtime }
    }

    async fn download(&self, digest: Digest) -> Result<Vec<u8>, tonic::Status> {
        let mut client = self.client.clone();
        let size = usize::try_from(digest.size_bytes).unwrap_or(0);
        let mut parts =
            client.download_blob(DownloadBlobRequest { digest: Some(digest) }).await?.into_inner();
        let mut bytes = Vec::with_capacity(size);
        while let Some(part) = parts.message().await? {
            bytes.extend_from_slice(&part.data);
        }
        Ok(bytes)
    }

    async fn upload(&self, digest: Digest, bytes: &[u8]) -> Result<(), tonic::Status> {
        // An empty blob still needs one message that names it.
        let starts = (0..bytes.len().max(1)).step_by(UPLOAD_CHUNK);
        let parts = starts.map(|start| UploadBlobRequest {
            digest: Some(digest.clone()),
            offset: start as i64,
            data: bytes[start..(start + UPLOAD_CHUNK).min(bytes.len())].to_vec(),
        });
        let parts: Vec<UploadBlobRequest> = parts.collect();
        self.client.clone().upload_blob(tokio_stream::iter(parts)).await?;
        Ok(())
    }
}

impl Blobs for RemoteBlobs {
    fn get(&self, blob: &BlobRef) -> Result<Vec<u8>, WorkerError> {
        let digest = Digest::try_from(blob).map_err(|e| WorkerError::task(e.to_string()))?;
        let bytes = self.runtime.block_on(self.download(digest))?;
        if sha256(&bytes) != blob.digest {
            return Err(WorkerError::CorruptBlob { digest: blob.digest.clone() });
        }
        Ok(bytes)
    }

    fn put(&self, bytes: Vec<u8>) -> Result<BlobRef, WorkerError> {
        let blob = BlobRef { digest: sha256(&bytes), size: bytes.len() as u64 };
        let digest = Digest::try_from(&blob).map_err(|e| WorkerError::task(e.to_string()))?;
        self.runtime.block_on(self.upload(digest, &bytes))?;
        Ok(blob)
    }
}
