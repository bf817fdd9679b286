//! The tasks in work, as heartbeats report them and the coordinator may take them back.

use isoscope_proto::v1::TaskProgress;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// One task in work.
#[derive(Debug, Default)]
pub(crate) struct InWork {
    pub(crate) epoch: i64,
    pub(crate) revoked: AtomicBool,
    pub(crate) progress: AtomicU64,
}

/// All tasks in work, by id.
#[derive(Debug, Default)]
pub(crate) struct Running(Mutex<HashMap<String, Arc<InWork>>>);

impl Running {
    /// Notes a task as in work.
    pub(crate) fn add(&self, task: &str, epoch: i64) -> Arc<InWork> {
        let in_work = Arc::new(InWork { epoch, ..InWork::default() });
        self.tasks().insert(task.to_owned(), Arc::clone(&in_work));
        in_work
    }

    /// Notes that a task has ended.
    pub(crate) fn remove(&self, task: &str) {
        self.tasks().remove(task);
    }

    /// Tells a task to stop.
    pub(crate) fn revoke(&self, task: &str) {
        if let Some(in_work) = self.tasks().get(task) {
            in_work.revoked.store(true, Ordering::Relaxed);
        }
    }

    /// How far each task has come.
    pub(crate) fn report(&self) -> Vec<TaskProgress> {
        let tasks = self.tasks();
        let report = tasks.iter().map(|(id, task)| TaskProgress {
            task_id: id.clone(),
            lease_epoch: task.epoch,
            progress: task.progress.load(Ordering::Relaxed),
        });
        report.collect()
    }

    fn tasks(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<InWork>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
