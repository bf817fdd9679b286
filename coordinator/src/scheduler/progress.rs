//! Progress of a job once it has a plan.

use super::TaskKey;
use super::subject::SubjectProgress;
use isoscope_core::plan::Plan;
use isoscope_core::result::Tally;
use isoscope_core::task::{BlobRef, Output, Work};
use std::sync::Arc;

/// A finished task that cannot be what it says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProgressError {
    /// The output is not of the kind that the work yields.
    #[error("the output is not of the kind that this task yields")]
    WrongOutput,
    /// The job does not wait for this task: it was done before, or never asked for.
    #[error("the job does not wait for this task")]
    NotExpected,
    /// The output does not cover the subject's layers.
    #[error("the output has {got} layers; the plan has {wanted}")]
    Layers {
        /// Layers in the output.
        got: usize,
        /// Layers in the plan.
        wanted: usize,
    },
    /// The counts of a pass cannot be read.
    #[error("the tally cannot be read: {reason}")]
    Tally {
        /// What the reader said.
        reason: String,
    },
    /// An op never stops asking for passes.
    #[error("an op asked for more than {most} passes on slot {slot} of the layers")]
    Endless {
        /// The slot of the layer.
        slot: u32,
        /// Most passes.
        most: u32,
    },
}

/// How far a job has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Earliest stage in work, from 1.
    pub stage: u32,
    /// Stages known of; ops may ask for more.
    pub stages: u32,
    /// Tasks that the job will have taken at its end, the survey included, as far as known.
    pub tasks_total: u64,
}

/// Progress of a job: told of finished tasks, it answers with those that can run from then on.
#[derive(Debug, Clone)]
pub struct JobProgress {
    plan: Arc<Plan>,
    subjects: Vec<SubjectProgress>,
}

impl JobProgress {
    /// Begins a job with the plan that is stored as `blob`.
    #[must_use]
    pub fn new(plan: Arc<Plan>, blob: &BlobRef) -> Self {
        let subjects =
            (0..).zip(&plan.subjects).map(|(i, s)| SubjectProgress::new(&plan, blob, i, s)).collect();
        Self { plan, subjects }
    }

    /// Rebuilds the progress of a job from its finished tasks, in order of stage and [`TaskKey::position`].
    ///
    /// # Errors
    /// When a task is not one of this plan's.
    pub fn replay<'a>(
        plan: Arc<Plan>,
        blob: &BlobRef,
        finished: impl IntoIterator<Item = (&'a Work, &'a Output)>,
    ) -> Result<Self, ProgressError> {
        let mut progress = Self::new(plan, blob);
        for (work, output) in finished {
            if !matches!(work, Work::Survey { .. }) {
                progress.done(work, output)?;
            }
        }
        Ok(progress)
    }

    /// The tasks with which the job begins.
    #[must_use]
    pub fn first(&self) -> Vec<Work> {
        self.subjects.iter().filter(|s| s.stage() == 1).flat_map(SubjectProgress::passes).collect()
    }

    /// Takes note of a finished task; returns the tasks that can run from now on.
    ///
    /// # Errors
    /// When the output is not what the task yields, or the job does not wait for the task. Nothing is changed then.
    pub fn done(&mut self, work: &Work, output: &Output) -> Result<Vec<Work>, ProgressError> {
        let subject = match TaskKey::of(work) {
            TaskKey::Survey => return Err(ProgressError::NotExpected),
            TaskKey::Pass { subject, .. }
            | TaskKey::Merge { subject, .. }
            | TaskKey::Finish { subject, .. } => subject,
        };
        self.subjects.get_mut(subject as usize).ok_or(ProgressError::NotExpected)?.done(work, output)
    }

    /// Tells whether no task is left.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.subjects.iter().all(SubjectProgress::is_finished)
    }

    /// Sums up how far the job has come.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let stages = self.subjects.iter().map(SubjectProgress::stages).max().unwrap_or(1);
        let working = self.subjects.iter().filter(|s| !s.is_finished()).map(SubjectProgress::stage).min();
        Summary {
            stage: working.unwrap_or(stages),
            stages,
            tasks_total: 1 + self.subjects.iter().map(SubjectProgress::tasks).sum::<u64>(),
        }
    }

    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// Counts of each subject's text, in order of the subjects.
    pub fn tallies(&self) -> impl Iterator<Item = &Tally> {
        self.subjects.iter().map(SubjectProgress::tally)
    }

    /// The layer reports so far: subject by subject, stage by stage, in order of layers.
    pub fn reports(&self) -> impl Iterator<Item = &BlobRef> {
        self.subjects.iter().flat_map(SubjectProgress::reports)
    }
}
