//! Tasks: the units that workers are given.

use crate::tree::Node;
use serde::{Deserialize, Serialize};

/// Bytes in the content-addressed store, or carried along when small.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlobRef {
    /// `sha256:` of the bytes.
    pub digest: String,
    /// Their number.
    pub size: u64,
}

/// What a worker is asked to do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Work {
    /// Look at the sources of a study and report [`crate::facts::Facts`].
    Survey {
        /// The study, as JSON.
        study: BlobRef,
    },
    /// One pass over the shards of a block.
    Pass(Pass),
    /// Merge nodes of the merge tree into their common ancestor.
    Merge(Merge),
    /// End a stage for one layer.
    Finish(Finish),
}

impl Work {
    /// What it is, in one word.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Survey { .. } => "survey",
            Self::Pass(_) => "pass",
            Self::Merge(_) => "merge",
            Self::Finish(_) => "finish",
        }
    }

    /// Its stage; 0 for a survey.
    #[must_use]
    pub fn stage(&self) -> u32 {
        match self {
            Self::Survey { .. } => 0,
            Self::Pass(pass) => pass.stage,
            Self::Merge(merge) => merge.stage,
            Self::Finish(finish) => finish.stage,
        }
    }
}

/// One pass over the shards of a block of one subject: all layers, all spaces, all ops of the stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pass {
    /// The plan, as JSON.
    pub plan: BlobRef,
    /// Index of the subject.
    pub subject: u32,
    /// Stage, from 1.
    pub stage: u32,
    /// The block.
    pub node: Node,
    /// Slots of the layers that are still at work, ascending.
    #[serde(default)]
    pub slots: Vec<u32>,
    /// [`crate::state::Broadcast`] of each of them; empty in stage 1.
    pub broadcasts: Vec<BlobRef>,
}

/// Merge of neighbouring nodes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Merge {
    /// The plan, as JSON.
    pub plan: BlobRef,
    /// Index of the subject.
    pub subject: u32,
    /// Stage, from 1.
    pub stage: u32,
    /// The node that results.
    pub node: Node,
    /// Slots of the layers that are still at work, ascending.
    #[serde(default)]
    pub slots: Vec<u32>,
    /// [`crate::state::LayerState`] of each child in order, for each of those layers.
    pub layers: Vec<Vec<BlobRef>>,
    /// [`crate::state::Broadcast`] of each layer under which the states were made; empty in stage 1.
    pub broadcasts: Vec<BlobRef>,
}

/// End of a stage for one layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finish {
    /// The plan, as JSON.
    pub plan: BlobRef,
    /// Index of the subject.
    pub subject: u32,
    /// Stage, from 1.
    pub stage: u32,
    /// Slot of the layer among the subject's layers.
    pub slot: u32,
    /// [`crate::state::LayerState`] of each group in order.
    pub groups: Vec<BlobRef>,
    /// [`crate::state::Broadcast`] of the stage; none in stage 1.
    pub broadcast: Option<BlobRef>,
    /// [`crate::state::Carry`] of the previous stage's end; none in stage 1.
    pub carry: Option<BlobRef>,
}

/// What a task yields. Each is a blob.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Output {
    /// [`crate::facts::Facts`] as JSON, of a survey.
    Facts(BlobRef),
    /// [`crate::state::LayerState`] of each layer that is at work, and the [`crate::result::Tally`] of a pass.
    Node {
        /// One blob a layer, in the order of the task's slots.
        layers: Vec<BlobRef>,
        /// Counts of a stage-1 pass, as JSON; empty after a merge.
        tally: String,
    },
    /// End of a stage for a layer.
    Layer {
        /// [`crate::result::LayerReport`].
        report: BlobRef,
        /// [`crate::state::Broadcast`] for the next stage.
        broadcast: BlobRef,
        /// [`crate::state::Carry`] for the next stage's end.
        carry: BlobRef,
        /// Whether an op asked for another pass.
        again: bool,
    },
}

/// Class of a failure; each is counted and answered differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Failure {
    /// The study or its data is wrong: the job fails, nothing is retried.
    Input,
    /// A plugin, a kernel or a digest check failed for a reason that another attempt would meet again.
    Deterministic,
    /// Memory ran out: retried once on a larger worker.
    OutOfMemory,
    /// Reading, writing or fetching failed: retried with back-off.
    Transient,
}
