//! The workers: their sessions, their claims, and what they offer.

use super::{Engine, EngineError, now};
use crate::store::{Beat, Claimed, Claimer, NewSession, Session};
use isoscope_core::catalogue::PluginFacts;
use isoscope_core::facts::Facts;
use std::sync::Arc;

impl Engine {
    fn lease_end(&self) -> i64 {
        now() + self.session_ttl.as_millis() as i64
    }

    /// Opens a session or takes one up again.
    pub(crate) async fn register(&self, session: &NewSession) -> Result<(), EngineError> {
        self.store.register_session(session, now(), self.lease_end()).await?;
        self.changed();
        Ok(())
    }

    /// Closes a session.
    pub(crate) async fn unregister(&self, session: &str) -> Result<(), EngineError> {
        self.store.close_session(session, now()).await?;
        self.changed();
        Ok(())
    }

    /// Keeps a session alive; returns the leases that are no longer its own.
    pub(crate) async fn beat(
        &self,
        session: &str,
        running: &[(i64, i64)],
        draining: bool,
    ) -> Result<Vec<i64>, EngineError> {
        // An answer is on its way for seconds at most; half a term is far more than that.
        let stale_before = now() - self.session_ttl.as_millis() as i64 / 2;
        let beat = Beat { session, running, draining, stale_before, until: self.lease_end() };
        let (revoked, again) = self.store.beat(&beat, now()).await?;
        if again > 0 || draining {
            self.changed();
        }
        Ok(revoked)
    }

    /// Leases tasks to a session, if any can run.
    pub(crate) async fn claim(&self, claimer: Claimer<'_>) -> Result<Vec<Claimed>, EngineError> {
        let claimed = self.store.claim_tasks(claimer, now()).await?;
        if !claimed.is_empty() {
            self.changed();
        }
        Ok(claimed)
    }

    /// Requeues the tasks of workers that have gone silent, finishes jobs whose results are due, and cleans up after those that have
    /// ended.
    pub(crate) async fn sweep(self: &Arc<Self>) -> Result<(), EngineError> {
        let touched = self.store.expire_sessions(now(), self.retries.max_losses).await?;
        if !touched.is_empty() {
            self.changed();
        }
        self.finish_delayed().await;
        self.collect().await
    }

    /// The sessions that are alive, each with the number of tasks that it holds.
    pub(crate) async fn workers(&self) -> Result<Vec<(Session, u32)>, EngineError> {
        Ok(self.store.sessions(now()).await?)
    }

    /// Every plugin that a worker offers, once an id; the first worker by name wins.
    pub(crate) async fn catalogue(&self) -> Result<Vec<PluginFacts>, EngineError> {
        let mut known = Vec::new();
        for (session, _) in self.workers().await? {
            self.extend(&mut known, &session).await?;
        }
        Ok(known)
    }

    /// Adds to surveyed facts the plugins that other workers of the same class offer and the surveyor lacks.
    pub(super) async fn add_plugins(&self, facts: &mut Facts) -> Result<(), EngineError> {
        for (session, _) in self.workers().await? {
            if session.capabilities.numerics_class == facts.numerics_class {
                self.extend(&mut facts.plugins, &session).await?;
            }
        }
        Ok(())
    }

    async fn extend(&self, known: &mut Vec<PluginFacts>, session: &Session) -> Result<(), EngineError> {
        let new = session.capabilities.plugins.iter();
        let new = new.filter(|p| !known.iter().any(|k| k.manifest.id == p.id)).cloned();
        let new: Vec<_> = new.collect();
        known.extend(self.store.manifests(&new).await?);
        Ok(())
    }
}
