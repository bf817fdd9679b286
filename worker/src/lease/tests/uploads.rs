//! Uploads that break.

use super::super::remote_blobs::RemoteBlobs;
use super::super::{Shared, Worker};
use super::fake::{Call, Fake, TTL};
use crate::PluginSet;
use isoscope_core::digest::sha256;
use isoscope_core::task::BlobRef;
use isoscope_proto::UPLOAD_CHUNK;
use isoscope_proto::errors::{Reason, status};
use isoscope_proto::v1::worker_service_client::WorkerServiceClient;
use isoscope_proto::v1::{Digest, TaskLease};
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::time::Instant;
use tonic::Code;

/// Uploads bytes on behalf of a task, and returns the offsets and sizes of the messages.
async fn upload(fake: &mut Fake, bytes: &[u8]) -> Vec<(i64, usize)> {
    let shared: Arc<Shared> = Worker::new(fake.config(), PluginSet::empty()).unwrap().shared;
    shared.session.opened("session", Instant::now(), TTL);
    let held = shared.running.add(&Arc::from("session"), &TaskLease::default()).unwrap();
    let client = WorkerServiceClient::new(fake.link.clone());
    let blobs = RemoteBlobs::new(client, Handle::current(), Arc::clone(&shared), held.share());
    let blob = BlobRef { digest: sha256(bytes), size: bytes.len() as u64 };
    blobs.upload(&Digest::try_from(&blob).unwrap(), bytes).await.unwrap();
    assert!(*fake.script.held.lock().unwrap() == bytes, "the coordinator holds other bytes");
    let messages = fake.rest().into_iter().filter_map(|call| match call {
        Call::Upload(offset, size) => Some((offset, size)),
        _ => None,
    });
    messages.collect()
}

fn bytes(chunks: usize) -> Vec<u8> {
    (0..chunks * UPLOAD_CHUNK + 5).map(|i| (i % 251) as u8).collect()
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_breaks_goes_on_where_the_coordinator_has_got_to() {
    let mut fake = Fake::start();
    *fake.script.upload_break.lock().unwrap() = Some(2 * UPLOAD_CHUNK);
    let messages = upload(&mut fake, &bytes(3)).await;
    let at = |chunk: usize| (chunk * UPLOAD_CHUNK) as i64;
    let (chunk, ask) = (UPLOAD_CHUNK, (0, 0));
    assert_eq!(messages, [(0, chunk), (at(1), chunk), ask, (at(2), chunk), (at(3), 5)]);
}

#[tokio::test(start_paused = true)]
async fn a_coordinator_that_forgot_a_part_is_asked_where_to_go_on() {
    let mut fake = Fake::start();
    fake.script
        .refuse("upload", status(Code::OutOfRange, Reason::UploadGap, "an upload may not leave a gap"));
    let messages = upload(&mut fake, &bytes(0)).await;
    assert_eq!(messages, [(0, 5), (0, 0), (0, 5)]);
}

#[tokio::test(start_paused = true)]
async fn large_and_empty_blobs_arrive_whole() {
    let mut fake = Fake::start();
    assert_eq!(upload(&mut fake, &[]).await, [(0, 0)]);
    let messages = upload(&mut fake, &bytes(17)).await;
    assert_eq!(messages.len(), 18);
}
