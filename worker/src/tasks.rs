//! Tasks, dispatched; and what every task has at hand.

use crate::blobs::Blobs;
use crate::error::WorkerError;
use crate::fetched::Fetched;
use crate::models::Models;
use crate::plugins::PluginSet;
use crate::source::RowCache;
use crate::stage::LayerStage;
use crate::{finish, merge, pass, survey};
use isoscope_core::plan::{Plan, Subject};
use isoscope_core::state::Broadcast;
use isoscope_core::task::{BlobRef, Output, Work};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What a task has at hand while it runs.
pub struct Context<'a> {
    /// The content-addressed store.
    pub blobs: &'a dyn Blobs,
    /// The plugins of the worker.
    pub plugins: &'a PluginSet,
    /// Plans and broadcasts of earlier tasks.
    pub fetched: &'a Fetched,
    /// Loaded encoders.
    pub models: &'a Models,
    /// Rows kept from earlier passes.
    pub cache: &'a RowCache,
    /// Directory that relative sources are resolved against.
    pub base: &'a Path,
    /// Numerics class of the worker.
    pub numerics_class: &'a str,
    /// Set when the coordinator takes the task back.
    pub revoked: &'a AtomicBool,
    /// Grows with the work done; heartbeats report it.
    pub progress: &'a AtomicU64,
}

impl Context<'_> {
    /// Stops a task that was taken back.
    ///
    /// # Errors
    /// When it was.
    pub fn check_revoked(&self) -> Result<(), WorkerError> {
        if self.revoked.load(Ordering::Relaxed) { Err(WorkerError::Revoked) } else { Ok(()) }
    }

    /// Notes that a part of the work is done.
    pub fn progress(&self) {
        self.progress.fetch_add(1, Ordering::Relaxed);
    }
}

/// Runs a task on the calling thread.
///
/// # Errors
/// Whatever the task met; [`WorkerError::class`] says how to count it.
pub fn run(context: &Context<'_>, work: &Work) -> Result<Output, WorkerError> {
    match work {
        Work::Survey { study } => survey::run(context, study),
        Work::Pass(work) => pass::run(context, work),
        Work::Merge(work) => merge::run(context, work),
        Work::Finish(work) => finish::run(context, work),
    }
}

/// A plan and the subject of a task.
pub struct Planned {
    plan: Arc<Plan>,
    subject: usize,
}

impl Planned {
    /// Fetches the plan of a task.
    ///
    /// # Errors
    /// When it cannot be had, or has no such subject.
    pub fn fetch(context: &Context<'_>, plan: &BlobRef, subject: u32) -> Result<Self, WorkerError> {
        let plan = context.fetched.plan(context.blobs, plan)?;
        let subject = subject as usize;
        if subject >= plan.subjects.len() {
            return Err(WorkerError::task(format!("the plan has no subject {subject}")));
        }
        if plan.numerics_class != context.numerics_class {
            let reason =
                format!("the plan is for {}, this worker is {}", plan.numerics_class, context.numerics_class);
            return Err(WorkerError::Task { reason });
        }
        Ok(Self { plan, subject })
    }

    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The subject.
    #[must_use]
    pub fn subject(&self) -> &Subject {
        &self.plan.subjects[self.subject]
    }

    /// What a stage begins with on one layer: nothing in the first.
    ///
    /// # Errors
    /// When it is missing, or cannot be had.
    pub fn broadcast(
        context: &Context<'_>,
        stage: u32,
        blob: Option<&BlobRef>,
    ) -> Result<Arc<Broadcast>, WorkerError> {
        match blob {
            Some(blob) => context.fetched.broadcast(context.blobs, blob),
            None if stage == 1 => Ok(Arc::default()),
            None => Err(WorkerError::task(format!("stage {stage} has no broadcast for a layer"))),
        }
    }

    /// Resolves the work of a stage on each layer that is at work, in the order of the slots.
    ///
    /// # Errors
    /// When broadcasts are missing or an op refuses to open.
    pub fn layer_stages(
        &self,
        context: &Context<'_>,
        stage: u32,
        slots: &[u32],
        broadcasts: &[BlobRef],
    ) -> Result<Vec<LayerStage>, WorkerError> {
        let resolve = |(i, &slot): (usize, &u32)| {
            if slot as usize >= self.subject().layers.len() {
                return Err(WorkerError::task(format!("the subject has no layer slot {slot}")));
            }
            let broadcast = Self::broadcast(context, stage, broadcasts.get(i))?;
            LayerStage::new(&self.plan, self.subject(), slot, stage, &broadcast, context.plugins)
        };
        slots.iter().enumerate().map(resolve).collect()
    }
}
