//! The plan: a study resolved against the facts into passes over shards, and hashed.
//!
//! Everything that decides bits is in here: where shards are cut, how tokens are packed into forward passes, which ops run in
//! which stage with which parameters. Workers choose nothing.

mod build;
mod cut;
mod pairing;
mod params;
mod sample;
mod select;
mod spaces;
mod stages;
mod subjects;
mod unusable;

pub use pairing::{Pairing, Partner};
pub use sample::{SampleSpec, Together};
pub use spaces::{SecondFrom, SpaceNode};
pub use subjects::Reading;
pub use unusable::LeftOut;

use crate::catalogue::{Kind, Needs, Part, Selection};
use crate::digest::sha256;
use crate::facts::{DatasetFacts, ModelFacts};
use crate::pooling::RowKind;
use crate::state::CodecError;
use crate::study::{DatasetSpec, Layers, NumberFormat, Study};
use crate::tree::{self, Node};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// A study made ready to run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The study as resolved.
    pub study: Study,
    /// Device kind and kernel set of the workers whose bits agree; with the study's number format it is [`Plan::numerics`].
    pub numerics_class: String,
    /// What is measured: each model on each dataset, and each precomputed matrix.
    pub subjects: Vec<Subject>,
    /// The tree of spaces; node 0 is raw, every other one adds a step to its parent.
    pub nodes: Vec<SpaceNode>,
    /// The spaces that the study names, `raw` first.
    pub spaces: Vec<Space>,
    /// The ops, each in one space.
    pub ops: Vec<PlannedOp>,
    /// The samples that ops look at.
    pub samples: Vec<SampleSpec>,
    /// Passes over the data; ops may ask for more.
    pub stages: u32,
    /// Ops that the study's families hold and no dataset has the columns for.
    pub left_out: Vec<LeftOut>,
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
    /// The other side, when two clouds are compared.
    pub partner: Option<Partner>,
    /// Layers measured, ascending; `[0]` for a matrix. The place in this list is the layer's slot: tasks and reports name layers by
    /// it, because the same layer may meet several of the partner's.
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

/// Passes beyond the first that the fit of an enhancement on rows has asked for so far, by node.
pub type Delays = BTreeMap<u32, u32>;

/// Most nodes that the end of a stage merges itself.
pub const GROUPS: u64 = 32;

/// An encoder of a subject.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedModel {
    /// Name in the study.
    pub name: String,
    /// Where it lies.
    pub source: String,
    /// Where the base of an adapter lies, when the study says so.
    pub base: Option<String>,
    /// What one row of it is.
    pub rows: RowKind,
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
    /// Layers that it is measured on; none means all of the subject's.
    pub layers: Option<Layers>,
    /// Column whose values part the rows, when it is measured group by group.
    pub by: Option<String>,
    /// Fewest rows of a group that is reported.
    pub min_group: u64,
    /// Most rows of the sample that it looks at.
    pub sample_rows: Option<u64>,
    /// Index of that sample.
    pub sample: Option<u32>,
    /// The two sides, of a comparison.
    pub pairing: Option<Pairing>,
    /// Ids by which the study selected it, as written: its own, that of a value, or that of a family.
    pub selected_by: Vec<String>,
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

    /// Tells whether the rows are parted into those that train and those that are measured.
    #[must_use]
    pub fn has_split(&self) -> bool {
        self.dataset_facts.columns.iter().any(|column| column == "split")
    }

    /// What one row is; none for a matrix.
    #[must_use]
    pub fn row_kind(&self) -> Option<RowKind> {
        self.model.as_ref().map(|model| model.rows)
    }

    /// Name of the model, empty for a matrix.
    #[must_use]
    pub fn model_name(&self) -> &str {
        self.model.as_ref().map_or("", |m| &m.name)
    }
}

/// Tells whether workers of a class run encoders on GPUs.
fn is_gpu(numerics_class: &str) -> bool {
    numerics_class.starts_with("cuda")
}

/// Joins a class of workers and a number format: `cpu-f32-packed5-x86_64-avx512-openblas0.3.21-skylakex`.
#[must_use]
pub fn numerics(numerics_class: &str, format: NumberFormat) -> String {
    let format = format.name();
    match numerics_class.split_once('-') {
        Some((device, kernels)) => format!("{device}-{format}-{kernels}"),
        None => format!("{numerics_class}-{format}"),
    }
}

/// Most tokens in a forward pass on workers of a class. Where the study does not say, 1024 fill a core's caches, and 32768 a GPU.
#[must_use]
pub fn batch_tokens(study: &Study, numerics_class: &str) -> u32 {
    let by_default = if is_gpu(numerics_class) { 32_768 } else { 1024 };
    study.plan.batch_tokens.unwrap_or(by_default)
}

impl Plan {
    /// Tells whether the encoders run on GPUs.
    #[must_use]
    pub fn on_gpu(&self) -> bool {
        is_gpu(&self.numerics_class)
    }

    /// Device kind, number format, kernel set and BLAS that the bits hold for: `cpu-f32-packed5-x86_64-avx512-openblas0.3.21-skylakex`.
    #[must_use]
    pub fn numerics(&self) -> String {
        numerics(&self.numerics_class, self.study.representation.dtype)
    }

    /// Most tokens in a forward pass.
    #[must_use]
    pub fn batch_tokens(&self) -> u32 {
        batch_tokens(&self.study, &self.numerics_class)
    }

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

    /// Ops of a subject that pass over the rows in `stage` without having asked for it: those that need rows, or a sample of them,
    /// from the start.
    pub fn scheduled_passes<'a>(
        &'a self,
        subject: &'a Subject,
        slot: u32,
        stage: u32,
        delays: &'a Delays,
    ) -> impl Iterator<Item = (u32, &'a PlannedOp)> + 'a {
        self.ops_of(subject, slot).filter(move |(_, op)| {
            matches!(op.needs, Needs::Rows | Needs::Sample)
                && op.pass.is_some_and(|pass| pass + self.delay(op.node, delays) == stage)
        })
    }

    /// Ops of a subject whose moments are complete at the end of `stage`.
    pub fn measured_at<'a>(
        &'a self,
        subject: &'a Subject,
        slot: u32,
        stage: u32,
        delays: &'a Delays,
    ) -> impl Iterator<Item = (u32, &'a PlannedOp)> + 'a {
        self.ops_of(subject, slot).filter(move |(_, op)| {
            op.measured.is_some_and(|measured| measured + self.delay(op.node, delays) == stage)
        })
    }

    /// Stages by which everything at a node is later than planned, because enhancements on the way to it were fitted in more than
    /// one pass over the rows.
    #[must_use]
    pub fn delay(&self, node: u32, delays: &Delays) -> u32 {
        if delays.is_empty() {
            return 0;
        }
        self.chain(node).iter().filter_map(|at| delays.get(at)).sum()
    }

    /// Ops of a subject that are measured on the layer of a slot.
    pub fn ops_of<'a>(
        &'a self,
        subject: &'a Subject,
        slot: u32,
    ) -> impl Iterator<Item = (u32, &'a PlannedOp)> + 'a {
        let layer = subject.layers.get(slot as usize).copied();
        self.subject_ops(subject).filter(move |(_, op)| match (&op.layers, &subject.model) {
            (Some(Layers::Some(layers)), Some(_)) => layer.is_some_and(|layer| layers.contains(&layer)),
            (Some(Layers::Last), Some(model)) => layer == Some(model.facts.hidden_states.saturating_sub(1)),
            _ => true,
        })
    }

    /// Nodes of the spaces that ops look at on the layer of a slot, and of all spaces on the way to them.
    #[must_use]
    pub fn nodes_of(&self, subject: &Subject, slot: u32) -> BTreeSet<u32> {
        let mut nodes: BTreeSet<u32> =
            self.ops_of(subject, slot).flat_map(|(_, op)| self.chain(op.node)).collect();
        nodes.insert(0);
        nodes
    }

    /// The last stage in which a subject has planned work on the layer of a slot, as far as is known.
    #[must_use]
    pub fn last_stage(&self, subject: &Subject, slot: u32, delays: &Delays) -> u32 {
        let stage_of = |(_, op): (u32, &PlannedOp)| {
            op.pass.max(op.measured).map(|stage| stage + self.delay(op.node, delays))
        };
        self.ops_of(subject, slot).filter_map(stage_of).max().unwrap_or(1).max(1)
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
