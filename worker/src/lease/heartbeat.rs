//! The two calls that keep a session: registration and heartbeat.

use super::Shared;
use super::calls::{UNARY, within};
use super::keeper::Terms;
use isoscope_proto::link::Link;
use isoscope_proto::time::from_wire;
use isoscope_proto::v1::worker_service_client::WorkerServiceClient;
use isoscope_proto::v1::{HeartbeatRequest, RegisterWorkerRequest};
use std::time::Duration;
use tokio::time::Instant;
use tonic::Status;

/// Terms when the coordinator names none.
const TERMS: Terms = Terms { ttl: Duration::from_secs(30), heartbeat: Duration::from_secs(10) };

/// Presents the worker, and the session that it holds.
pub(super) async fn register(
    client: &WorkerServiceClient<Link>,
    shared: &Shared,
    request: RegisterWorkerRequest,
) -> Result<Terms, Status> {
    let sent = Instant::now();
    let answer = within(UNARY, client.clone().register_worker(request)).await?;
    let positive = |duration| from_wire(duration).filter(|duration| !duration.is_zero());
    let terms = Terms {
        ttl: positive(answer.session_ttl).unwrap_or(TERMS.ttl),
        heartbeat: positive(answer.heartbeat_interval).unwrap_or(TERMS.heartbeat),
    };
    if shared.session.opened(&answer.session_id, sent, terms.ttl) {
        shared.running.revoke_all();
    }
    Ok(terms)
}

/// Reports everything held and takes back what the coordinator names. Tells whether the worker should take no more tasks.
pub(super) async fn beat(
    client: &WorkerServiceClient<Link>,
    shared: &Shared,
    terms: Terms,
) -> Result<bool, Status> {
    let (session, sent, running) = (&shared.session, Instant::now(), shared.running.report());
    let request = HeartbeatRequest {
        session_id: session.held(),
        running: running.clone(),
        draining: session.is_draining(),
    };
    let answer = within(terms.heartbeat.min(UNARY), client.clone().heartbeat(request)).await?;
    session.renewed(sent, terms.ttl);
    for reported in running.iter().filter(|task| answer.revoked_task_ids.contains(&task.task_id)) {
        shared.running.revoke(reported);
    }
    Ok(answer.drain)
}
