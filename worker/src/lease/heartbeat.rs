//! Heartbeats: they keep the session, report progress and bring back what was taken away.

use super::Shared;
use isoscope_proto::v1::HeartbeatRequest;
use isoscope_proto::v1::worker_service_client::WorkerServiceClient;
use std::sync::Arc;
use std::time::Duration;
use tonic::transport::Channel;

/// Beats until it is aborted. A beat that fails is not the end: the lease lives longer than several of them.
pub(super) async fn run(
    mut client: WorkerServiceClient<Channel>,
    session: String,
    interval: Duration,
    shared: Arc<Shared>,
) {
    let mut beats = tokio::time::interval(interval);
    loop {
        beats.tick().await;
        let running = shared.running.report();
        let request = HeartbeatRequest { session_id: session.clone(), running, draining: false };
        match client.heartbeat(request).await {
            Ok(answer) => {
                for task in answer.into_inner().revoked_task_ids {
                    shared.running.revoke(&task);
                }
            }
            Err(status) => {
                tracing::warn!(code = ?status.code(), message = status.message(), "a heartbeat failed");
            }
        }
    }
}
