//! Identity of a task inside a job.

use isoscope_core::task::Work;
use std::fmt;

/// Identity of a task inside a job, and its place in the order in which tasks are handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TaskKey {
    /// The survey of the sources.
    Survey,
    /// The pass over a block.
    Pass {
        /// Stage, from 1.
        stage: u32,
        /// Index of the subject.
        subject: u32,
        /// Index of the block.
        block: u64,
    },
    /// The merge of a group.
    Merge {
        /// Stage, from 1.
        stage: u32,
        /// Index of the subject.
        subject: u32,
        /// Index of the group.
        group: u64,
    },
    /// The end of a stage for a layer, by its slot.
    Finish {
        /// Stage, from 1.
        stage: u32,
        /// Index of the subject.
        subject: u32,
        /// Layer.
        slot: u32,
    },
}

impl TaskKey {
    /// Reads the identity off the work.
    #[must_use]
    pub fn of(work: &Work) -> Self {
        match work {
            Work::Survey { .. } => Self::Survey,
            Work::Pass(p) => Self::Pass { stage: p.stage, subject: p.subject, block: p.node.index },
            Work::Merge(m) => Self::Merge { stage: m.stage, subject: m.subject, group: m.node.index },
            Work::Finish(f) => Self::Finish { stage: f.stage, subject: f.subject, slot: f.slot },
        }
    }

    /// Stage of the task; 0 for the survey.
    #[must_use]
    pub fn stage(&self) -> u32 {
        match *self {
            Self::Survey => 0,
            Self::Pass { stage, .. } | Self::Merge { stage, .. } | Self::Finish { stage, .. } => stage,
        }
    }

    /// Place of the task in its stage: subject by subject, passes before merges before ends.
    ///
    /// Within a stage, no task comes before one that it depends on, so that finished tasks can be replayed in this order.
    #[must_use]
    pub fn position(&self) -> i64 {
        let (subject, rank, index) = match *self {
            Self::Survey => (0, 0, 0),
            Self::Pass { subject, block, .. } => (subject, 0, block),
            Self::Merge { subject, group, .. } => (subject, 1, group),
            Self::Finish { subject, slot, .. } => (subject, 2, u64::from(slot)),
        };
        // 27 bits of subject, 2 of rank, 34 of index: a non-negative i64. More blocks than 2^34 cannot be planned.
        (i64::from(subject) << 36) | (rank << 34) | (index as i64 & ((1 << 34) - 1))
    }
}

impl fmt::Display for TaskKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Survey => f.write_str("survey"),
            Self::Pass { stage, subject, block } => {
                write!(f, "stage {stage}, subject {subject}, pass over block {block}")
            }
            Self::Merge { stage, subject, group } => {
                write!(f, "stage {stage}, subject {subject}, merge of group {group}")
            }
            Self::Finish { stage, subject, slot } => {
                write!(f, "stage {stage}, subject {subject}, end of layer slot {slot}")
            }
        }
    }
}
