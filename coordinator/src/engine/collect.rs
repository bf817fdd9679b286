//! Bytes that nobody needs any more: the states of jobs that have ended. Plans and results stay.

use super::{Engine, EngineError};

impl Engine {
    /// Deletes what only the tasks of ended jobs needed.
    pub(super) async fn collect(&self) -> Result<(), EngineError> {
        for job in self.store.uncollected_jobs().await? {
            let kept = self.store.blobs_in_use(&job).await?;
            for blob in self.store.blobs_of_tasks(&job).await? {
                if !kept.contains(&blob) {
                    self.blobs.delete(&blob).await?;
                }
            }
            self.store.note_collected(&job).await?;
        }
        Ok(())
    }
}
