//! The plan: a study resolved against the facts into passes over shards, and hashed.
//!
//! Everything that decides bits is in here: where shards are cut, how tokens are packed into forward passes, which ops run in
//! which stage with which parameters. Workers choose nothing.

mod build;
mod params;
mod select;
mod spaces;
mod stages;

pub use spaces::{SecondFrom, SpaceNode};

use crate::catalogue::{Kind, Needs, Part, Selection};
use crate::digest::sha256;
use crate::facts::{DatasetFacts, ModelFacts};
use crate::state::CodecError;
use crate::study::{DatasetSpec, Study};
use crate::tree::{self, Node};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// A study made ready to run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The study as resolved.
    pub study: Study,
    /// Device kind, dtype and kernel set that the bits hold for.
    pub numerics_class: String,
    /// What is measured: each model on each dataset, and each precomputed matrix.
    pub subjects: Vec<Subject>,
    /// The tree of spaces; node 0 is raw, every other one adds a step to its parent.
    pub nodes: Vec<SpaceNode>,
    /// The spaces that the study names, `raw` first.
    pub spaces: Vec<Space>,
    /// The ops, each in one space.
    pub ops: Vec<PlannedOp>,
    /// Passes over the data; ops may ask for more.
    pub stages: u32,
}

/// One model on one dataset, or one precomputed matrix.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Subject {
    /// The encoder; none for a matrix.
    pub model: Option<PlannedModel>,
    /// The dataset as the study names it.
    pub dataset: DatasetSpec,
    /// What is known of it.
    pub dataset_facts: DatasetFacts,
    /// Layers measured, ascending; `[0]` for a matrix.
    pub layers: Vec<u32>,
    /// Width of a row.
    pub width: u32,
    /// Longest text in tokens, special tokens included; 0 for a matrix.
    pub max_tokens: u32,
    /// Rows of the dataset in a shard.
    pub shard_rows: u64,
    /// Number of shards.
    pub shards: u64,
    /// Level of the merge tree at which one task works.
    pub block_level: u32,
    /// Level of the merge tree from which the end of a stage merges: at most [`GROUPS`] nodes.
    pub group_level: u32,
    /// Indices of the ops that this subject has the columns for.
    pub ops: Vec<u32>,
}

/// Most nodes that the end of a stage merges itself.
pub const GROUPS: u64 = 32;

/// An encoder of a subject.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedModel {
    /// Name in the study.
    pub name: String,
    /// Where it lies.
    pub source: String,
    /// What is known of it.
    pub facts: ModelFacts,
}

/// A space that the study names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Space {
    /// Its name.
    pub name: String,
    /// Its node in the tree of spaces.
    pub node: u32,
    /// Its chain of enhancements with parameters, as JSON.
    pub chain: String,
}

/// Identity of an op: plugin, definition and parameters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpRef {
    /// Id of the plugin.
    pub plugin: String,
    /// Version of the plugin.
    pub plugin_version: String,
    /// Digest of the plugin.
    pub plugin_digest: String,
    /// Id of the op.
    pub id: String,
    /// Version of its definition.
    pub definition: u32,
    /// Its parameters as canonical JSON.
    pub params: String,
}

/// An op at work in one space.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedOp {
    /// Which op.
    pub op: OpRef,
    /// Its kind.
    pub kind: Kind,
    /// What it is given.
    pub needs: Needs,
    /// Parts of the moments that it reads.
    pub parts: Vec<Part>,
    /// Columns that it reads.
    pub columns: Vec<String>,
    /// Index of the space.
    pub space: u32,
    /// Node of the space.
    pub node: u32,
    /// What of its output the study asked for.
    pub selections: Vec<Selection>,
    /// Stage at whose end the moments that it needs are complete.
    pub measured: Option<u32>,
    /// Stage of its first pass over the rows.
    pub pass: Option<u32>,
}

impl PlannedOp {
    /// Tells whether the study asked for a reported metric id.
    #[must_use]
    pub fn wants(&self, metric: &str) -> bool {
        self.selections.iter().any(|s| s.wants(metric))
    }
}

impl Subject {
    /// The rows of the dataset in a shard.
    #[must_use]
    pub fn rows(&self, shard: u64) -> Range<u64> {
        let all = self.dataset_facts.rows;
        (shard * self.shard_rows).min(all)..((shard + 1) * self.shard_rows).min(all)
    }

    /// The nodes of the merge tree that tasks of a pass work on.
    #[must_use]
    pub fn blocks(&self) -> Vec<Node> {
        tree::nodes(self.block_level, self.shards)
    }

    /// The nodes from which the end of a stage merges.
    #[must_use]
    pub fn groups(&self) -> Vec<Node> {
        tree::nodes(self.group_level, self.shards)
    }

    /// Name of the model, empty for a matrix.
    #[must_use]
    pub fn model_name(&self) -> &str {
        self.model.as_ref().map_or("", |m| &m.name)
    }
}

impl Plan {
    /// Computes the digest of the plan: equal digests and numerics classes give equal bits.
    ///
    /// # Errors
    /// When the plan cannot be encoded.
    pub fn digest(&self) -> Result<String, CodecError> {
        let json =
            serde_json::to_vec(self).map_err(|e| CodecError { what: "plan", reason: e.to_string() })?;
        Ok(sha256(&json))
    }

    /// Encodes the plan for a blob.
    ///
    /// # Errors
    /// When the plan cannot be encoded.
    pub fn to_bytes(&self) -> Result<Vec<u8>, CodecError> {
        serde_json::to_vec(self).map_err(|e| CodecError { what: "plan", reason: e.to_string() })
    }

    /// Decodes what [`Plan::to_bytes`] wrote.
    ///
    /// # Errors
    /// When the bytes are not a plan.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CodecError> {
        serde_json::from_slice(bytes).map_err(|e| CodecError { what: "plan", reason: e.to_string() })
    }

    /// Ops of a subject that pass over the rows in `stage` without having asked for it: those that need rows from the start.
    pub fn scheduled_passes<'a>(
        &'a self,
        subject: &'a Subject,
        stage: u32,
    ) -> impl Iterator<Item = (u32, &'a PlannedOp)> + 'a {
        self.subject_ops(subject).filter(move |(_, op)| op.needs == Needs::Rows && op.pass == Some(stage))
    }

    /// Ops of a subject whose moments are complete at the end of `stage`.
    pub fn measured_at<'a>(
        &'a self,
        subject: &'a Subject,
        stage: u32,
    ) -> impl Iterator<Item = (u32, &'a PlannedOp)> + 'a {
        self.subject_ops(subject).filter(move |(_, op)| op.measured == Some(stage))
    }

    fn subject_ops<'a>(&'a self, subject: &'a Subject) -> impl Iterator<Item = (u32, &'a PlannedOp)> + 'a {
        subject.ops.iter().filter_map(|&i| self.ops.get(i as usize).map(|op| (i, op)))
    }

    /// Steps from raw to `node`, first to last.
    #[must_use]
    pub fn chain(&self, node: u32) -> Vec<u32> {
        let mut chain = Vec::new();
        let mut at = Some(node);
        while let Some(i) = at.filter(|&i| i != 0) {
            chain.push(i);
            at = self.nodes.get(i as usize).and_then(|n| n.parent);
        }
        chain.reverse();
        chain
    }
}

/// Encodes parameters as canonical JSON: keys sorted, no spaces.
pub(crate) fn canonical(params: &crate::study::Params) -> String {
    serde_json::to_string(params).unwrap_or_default()
}

#[cfg(test)]
mod tests;
