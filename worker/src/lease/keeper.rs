//! Keeps the session: registers, beats, and tries for ever to get back when the coordinator is away.
//!
//! A task of its own, so that a busy worker never looks dead.

use super::Shared;
use super::calls::{is_expired, is_final, pauses};
use super::heartbeat::{beat, register};
use crate::error::WorkerError;
use crate::offer::Offer;
use backon::Retryable as _;
use isoscope_proto::v1::worker_service_client::WorkerServiceClient;
use isoscope_proto::{link::Link, v1::RegisterWorkerRequest};
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::Status;

/// What the coordinator says of its sessions.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    /// How long a session lives without a heartbeat.
    pub(super) ttl: Duration,
    /// How often to beat.
    pub(super) heartbeat: Duration,
}

/// The keeper of a session.
pub(super) struct Keeper {
    shared: Arc<Shared>,
    client: WorkerServiceClient<Link>,
    /// Cancelled when the coordinator asks this worker to take no more tasks.
    asked_to_drain: CancellationToken,
    /// Whether the coordinator is away, so that an outage is told once.
    away: AtomicBool,
}

impl Keeper {
    pub(super) fn new(
        shared: Arc<Shared>,
        client: WorkerServiceClient<Link>,
        asked_to_drain: CancellationToken,
    ) -> Self {
        Self { shared, client, asked_to_drain, away: AtomicBool::new(false) }
    }

    /// Keeps the session until the coordinator refuses this worker as such.
    pub(super) async fn run(self) -> WorkerError {
        let refused = tokio::select! {
            Err(status) = self.keep() => status,
            never = self.shared.session.fence(&self.shared.running) => match never {},
        };
        self.shared.running.revoke_all();
        refused.into()
    }

    async fn keep(&self) -> Result<Infallible, Status> {
        let mut offers = self.shared.offer.subscribe();
        loop {
            let offer = Arc::clone(&offers.borrow_and_update());
            let terms = self.connect(&offer).await?;
            self.beat_on(terms, &mut offers).await?;
        }
    }

    /// Registers and beats once, until both succeed: only then the coordinator knows what this worker holds.
    async fn connect(&self, offer: &Offer) -> Result<Terms, Status> {
        let attempt = || async {
            let terms = register(&self.client, &self.shared, self.registration(offer)).await;
            let terms = terms.inspect_err(|status| self.failed(status))?;
            self.beat(terms).await?;
            Ok(terms)
        };
        attempt.retry(pauses()).when(|status| !is_final(status)).await
    }

    /// Beats until the coordinator is away, or the offer changes.
    async fn beat_on(&self, terms: Terms, offers: &mut watch::Receiver<Arc<Offer>>) -> Result<(), Status> {
        loop {
            let due = Instant::now() + terms.heartbeat;
            tokio::select! {
                () = tokio::time::sleep_until(due) => {}
                () = self.shared.session.nudged() => {}
                Ok(()) = offers.changed() => return Ok(()),
            }
            match self.beat(terms).await {
                Ok(()) => {}
                Err(status) if is_final(&status) => return Err(status),
                Err(_) => return Ok(()),
            }
        }
    }

    async fn beat(&self, terms: Terms) -> Result<(), Status> {
        let drain =
            beat(&self.client, &self.shared, terms).await.inspect_err(|status| self.failed(status))?;
        if drain && !self.asked_to_drain.is_cancelled() {
            tracing::info!("the coordinator asks this worker to take no more tasks");
            self.asked_to_drain.cancel();
        }
        if self.away.swap(false, Ordering::Relaxed) {
            tracing::info!("the coordinator is back");
        }
        Ok(())
    }

    /// Notes a call that failed. Only the coordinator itself can end a session at once; else it holds for its time.
    fn failed(&self, status: &Status) {
        if is_expired(status) {
            let tasks = self.shared.running.revoke_all().len();
            self.shared.session.forget();
            tracing::warn!(tasks, "the session has expired: its tasks are dropped, and a new one is opened");
            return;
        }
        self.shared.session.unreachable();
        let (code, message) = (status.code(), status.message());
        if self.away.swap(true, Ordering::Relaxed) {
            tracing::debug!(?code, message, "the coordinator is still away");
        } else {
            tracing::warn!(?code, message, "the coordinator does not answer: trying until it does");
        }
    }

    fn registration(&self, offer: &Offer) -> RegisterWorkerRequest {
        RegisterWorkerRequest {
            protocol_version: isoscope_proto::PROTOCOL_VERSION,
            worker_name: self.shared.name.clone(),
            session_id: self.shared.session.held(),
            capabilities: Some(self.shared.machine.capabilities(offer)),
        }
    }
}
