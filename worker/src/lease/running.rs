//! The tasks in work, as heartbeats report them and as they are taken back.

use isoscope_proto::v1::{ReleaseTaskRequest, TaskLease, TaskProgress};
use std::collections::HashMap;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio_util::sync::CancellationToken;

/// One task in work.
#[derive(Debug)]
pub(super) struct InWork {
    session: Arc<str>,
    task: String,
    epoch: i64,
    /// For the thread of the task and its plugins, which poll.
    pub(super) revoked: Arc<AtomicBool>,
    /// For whoever waits on its behalf.
    pub(super) taken_back: CancellationToken,
    /// Grows with the work done.
    pub(super) progress: AtomicU64,
}

impl InWork {
    /// Id of the session under which the task was leased.
    pub(super) fn session(&self) -> &str {
        &self.session
    }

    /// Id of the task.
    pub(super) fn task(&self) -> &str {
        &self.task
    }

    /// Epoch of the lease.
    pub(super) fn epoch(&self) -> i64 {
        self.epoch
    }

    /// Tells whether the task must stop, and must not be answered any more.
    pub(super) fn is_revoked(&self) -> bool {
        self.revoked.load(Ordering::Acquire)
    }

    /// Tells whether the task was not revoked before.
    fn revoke(&self) -> bool {
        let first = !self.revoked.swap(true, Ordering::AcqRel);
        self.taken_back.cancel();
        first
    }
}

/// A task that counts as in work as long as this value lives.
#[derive(Debug)]
pub(super) struct Held {
    running: Arc<Running>,
    in_work: Arc<InWork>,
}

impl Held {
    /// The task, for its thread.
    pub(super) fn share(&self) -> Arc<InWork> {
        Arc::clone(&self.in_work)
    }
}

impl Deref for Held {
    type Target = InWork;

    fn deref(&self) -> &InWork {
        &self.in_work
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.running.tasks().remove(&(self.in_work.task.clone(), self.in_work.epoch));
    }
}

/// All tasks in work, by id and epoch: a task that was lost and leased here again may overlap with its former self.
#[derive(Debug, Default)]
pub(super) struct Running(Mutex<HashMap<(String, i64), Arc<InWork>>>);

impl Running {
    /// Notes a lease as in work; `None` when it is so already.
    pub(super) fn add(self: &Arc<Self>, session: &Arc<str>, lease: &TaskLease) -> Option<Held> {
        let in_work = Arc::new(InWork {
            session: Arc::clone(session),
            task: lease.task_id.clone(),
            epoch: lease.lease_epoch,
            revoked: Arc::default(),
            taken_back: CancellationToken::new(),
            progress: AtomicU64::new(0),
        });
        let key = (lease.task_id.clone(), lease.lease_epoch);
        let mut tasks = self.tasks();
        if tasks.contains_key(&key) {
            return None;
        }
        tasks.insert(key, Arc::clone(&in_work));
        drop(tasks);
        Some(Held { running: Arc::clone(self), in_work })
    }

    /// Takes one task back. The epoch is that which was reported: a later lease of the same task stays.
    pub(super) fn revoke(&self, reported: &TaskProgress) {
        let key = (reported.task_id.clone(), reported.lease_epoch);
        if let Some(in_work) = self.tasks().get(&key) {
            in_work.revoke();
        }
    }

    /// Takes every task back and returns what would release those that were still held.
    pub(super) fn revoke_all(&self) -> Vec<ReleaseTaskRequest> {
        let tasks = self.tasks();
        let fresh = tasks.values().filter(|in_work| in_work.revoke()).map(|in_work| ReleaseTaskRequest {
            session_id: in_work.session.to_string(),
            task_id: in_work.task.clone(),
            lease_epoch: in_work.epoch,
        });
        fresh.collect()
    }

    /// How far each task has come. One that was taken back is held no more, even while its thread winds down.
    pub(super) fn report(&self) -> Vec<TaskProgress> {
        let tasks = self.tasks();
        let held = tasks.values().filter(|in_work| !in_work.is_revoked()).map(|in_work| TaskProgress {
            task_id: in_work.task.clone(),
            lease_epoch: in_work.epoch,
            progress: in_work.progress.load(Ordering::Relaxed),
        });
        held.collect()
    }

    fn tasks(&self) -> std::sync::MutexGuard<'_, HashMap<(String, i64), Arc<InWork>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
