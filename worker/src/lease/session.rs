//! The session with the coordinator, as everything that works under it sees it.
//!
//! A session holds as long as the coordinator cannot have given its tasks to somebody else. That is counted here, on this
//! machine's monotonic clock, from the moment at which the last heartbeat that was answered was *sent*: no clocks are
//! compared, and a slow answer makes the session shorter, never longer.

use super::running::Running;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

/// Longest margin between the end of the session here and at the coordinator.
const MARGIN: Duration = Duration::from_secs(5);

/// What is known of the session.
#[derive(Debug, Clone, Default)]
struct State {
    /// The id that was given; kept through outages, to be presented again.
    id: Option<Arc<str>>,
    /// When it stops holding, unless it is renewed; `None` when it does not hold.
    valid_until: Option<Instant>,
    /// Whether the coordinator answers.
    live: bool,
}

/// The session of a worker.
#[derive(Debug, Default)]
pub(super) struct Session {
    state: watch::Sender<State>,
    nudge: Notify,
    draining: AtomicBool,
}

/// The end of a session that was last renewed by a call sent at `sent`.
fn end(sent: Instant, ttl: Duration) -> Instant {
    sent + ttl - MARGIN.min(ttl / 6)
}

impl Session {
    /// The id to present: that of the session held, or an empty one.
    pub(super) fn held(&self) -> String {
        self.state.borrow().id.as_deref().unwrap_or_default().to_owned()
    }

    /// Notes that a registration sent at `sent` was answered with this id. Tells whether it ends another session.
    pub(super) fn opened(&self, id: &str, sent: Instant, ttl: Duration) -> bool {
        let mut ends_another = false;
        self.state.send_modify(|state| {
            ends_another = state.id.as_deref().is_some_and(|held| held != id);
            state.id = Some(Arc::from(id));
            state.valid_until = Some(end(sent, ttl));
        });
        ends_another
    }

    /// Notes that a heartbeat sent at `sent` was answered. A session that was fenced meanwhile holds again, without its tasks.
    pub(super) fn renewed(&self, sent: Instant, ttl: Duration) {
        self.state.send_modify(|state| {
            state.valid_until = state.valid_until.max(Some(end(sent, ttl)));
            state.live = true;
        });
    }

    /// Notes that the coordinator does not answer. The session may still hold.
    pub(super) fn unreachable(&self) {
        self.state.send_if_modified(|state| std::mem::replace(&mut state.live, false));
    }

    /// Forgets the session: the coordinator has ended it.
    pub(super) fn forget(&self) {
        self.state.send_replace(State::default());
    }

    /// Tells whether tasks leased under it are still this worker's.
    pub(super) fn is_valid(&self) -> bool {
        self.state.borrow().valid_until.is_some_and(|end| Instant::now() < end)
    }

    /// Tells whether a lease that was asked for under `id` may be begun.
    pub(super) fn is_held(&self, id: &str) -> bool {
        self.is_valid() && self.state.borrow().id.as_deref() == Some(id)
    }

    /// Waits until the coordinator answers, and returns the id of the session.
    pub(super) async fn live(&self) -> Arc<str> {
        let mut state = self.state.subscribe();
        // The sender is `self`, so the wait cannot fail; and if it did, nothing would be left to wait for.
        let found = state.wait_for(|state| state.live && state.id.is_some()).await;
        match found.ok().and_then(|state| state.id.clone()) {
            Some(id) => id,
            None => std::future::pending().await,
        }
    }

    /// Waits until the session of this id has ended.
    pub(super) async fn ended(&self, id: &str) {
        let mut state = self.state.subscribe();
        drop(state.wait_for(|state| state.id.as_deref() != Some(id)).await);
    }

    /// Asks for a heartbeat now: something is to be told, or something looks wrong.
    pub(super) fn nudge(&self) {
        self.nudge.notify_one();
    }

    /// Waits for a nudge.
    pub(super) async fn nudged(&self) {
        self.nudge.notified().await;
    }

    /// Lets heartbeats say from now on that the worker takes no more tasks.
    pub(super) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
        self.nudge();
    }

    /// Tells whether the worker takes no more tasks.
    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    /// Takes every task back whenever the session stops holding.
    pub(super) async fn fence(&self, running: &Running) -> Infallible {
        let mut state = self.state.subscribe();
        loop {
            let until = state.borrow_and_update().valid_until;
            let passed = async {
                match until {
                    Some(until) => tokio::time::sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = passed => self.end_at(until, running),
                _ = state.changed() => {}
            }
        }
    }

    /// Ends the session unless it was renewed meanwhile.
    fn end_at(&self, until: Option<Instant>, running: &Running) {
        let ended = self.state.send_if_modified(|state| {
            let due = state.valid_until == until;
            if due {
                state.valid_until = None;
                state.live = false;
            }
            due
        });
        if ended {
            let tasks = running.revoke_all().len();
            tracing::warn!(
                tasks,
                "the coordinator has not answered for so long that the tasks in work are given up"
            );
        }
    }
}
