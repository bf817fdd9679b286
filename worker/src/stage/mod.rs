//! One layer of one subject in one stage: which rows are seen in which space, and who absorbs them.

mod shard;
mod state;
mod widths;

pub use shard::ShardRun;
pub use state::NodeState;
pub(crate) use widths::Widths;

use crate::error::WorkerError;
use crate::groups::Grouping;
use crate::plugins::PluginSet;
use crate::sample::Sample;
use isoscope_core::catalogue::{self, Needs};
use isoscope_core::plan::{Plan, PlannedOp, Subject};
use isoscope_core::state::{Broadcast, Fit, Owner};
use isoscope_plugin_host::{Op, Run};
use state::missing;
use std::collections::BTreeMap;

/// Which of the rows of a dataset that is split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// All of them; of a dataset that is not split there is no other part.
    All,
    /// Those that enhancements are fitted and probes trained on.
    Training,
    /// Those that are measured.
    Measured,
}

/// A pass of an op over the rows of one space.
pub struct OpPass {
    /// The op.
    pub op: Op,
    /// Node of the space whose rows it sees.
    pub node: u32,
    /// Which of them.
    pub part: Part,
    /// Model that the pass begins with.
    pub model: Vec<u8>,
    /// Which pass of the op this is.
    pub pass: u32,
}

/// The work of one stage on one layer, resolved: spaces with their fitted maps, moments to fold, rows to draw, ops to feed.
pub struct LayerStage {
    split: bool,
    spaces: BTreeMap<u32, SpaceMap>,
    folds: Vec<Fold>,
    groupings: Vec<Grouping>,
    samples: BTreeMap<u32, Drawn>,
    passes: BTreeMap<Owner, OpPass>,
}

/// How rows of the parent become rows of a space.
struct SpaceMap {
    parent: u32,
    op: Op,
    model: Vec<u8>,
    columns: usize,
}

/// Moments to fold from the rows of a space.
struct Fold {
    owner: Owner,
    node: u32,
    part: Part,
    parts: Vec<catalogue::Part>,
    width: usize,
}

/// A sample to draw from the rows of a space.
struct Drawn {
    node: u32,
    part: Part,
    empty: Sample,
}

impl LayerStage {
    /// Resolves what stage `stage` does on the layer of a slot, given what the previous stage's end broadcast.
    ///
    /// # Errors
    /// When a plugin is missing or an op refuses to open.
    pub fn new(
        plan: &Plan,
        subject: &Subject,
        slot: u32,
        stage: u32,
        broadcast: &Broadcast,
        plugins: &PluginSet,
    ) -> Result<Self, WorkerError> {
        let widths = Widths { plan, subject, broadcast, plugins };
        let mut resolved = Self {
            split: subject.has_split(),
            spaces: BTreeMap::new(),
            folds: Vec::new(),
            groupings: Vec::new(),
            samples: BTreeMap::new(),
            passes: BTreeMap::new(),
        };
        // The moments of two clouds together mean nothing: comparisons fold their own.
        if subject.partner.is_none() {
            resolved.add_nodes(&widths, slot, stage)?;
        }
        for (index, op) in plan.scheduled_passes(subject, slot, stage, &broadcast.delays) {
            if op.needs == Needs::Sample {
                resolved.add_sample(&widths, op)?;
            } else {
                resolved.add_pass(&widths, index, op, Vec::new(), 0)?;
            }
        }
        for run in broadcast.runs.iter().filter(|run| run.stage == stage) {
            if let Some(op) = plan.ops.get(run.op as usize).filter(|_| subject.ops.contains(&run.op)) {
                resolved.add_pass(&widths, run.op, op, run.model.0.clone(), run.pass)?;
            }
        }
        resolved.add_spaces(&widths)?;
        Ok(resolved)
    }

    /// Adds what the stage folds from the rows of each space, and the fits on rows.
    fn add_nodes(&mut self, w: &Widths<'_>, slot: u32, stage: u32) -> Result<(), WorkerError> {
        let needed = w.plan.nodes_of(w.subject, slot);
        for (i, node) in (0..).zip(&w.plan.nodes).filter(|(i, _)| needed.contains(i)) {
            let delay = w.plan.delay(i, &w.broadcast.delays);
            if node.ready + delay == stage
                && let Some(width) = w.of(i)?
            {
                self.add_folds(i, &node.folded, width);
                for (index, (column, parts)) in (0..).zip(&node.grouped) {
                    let (column, parts) = (column.clone(), parts.clone());
                    self.groupings.push(Grouping { node: i, index, column, parts, width });
                }
            }
            let on_rows = node.step.as_ref().filter(|step| step.needs == Needs::Rows);
            if let (Some(step), Some(parent), Some(first)) = (on_rows, node.parent, node.fitted)
                && first + delay == stage
                && let Some(width) = w.of(parent)?
            {
                let op = w.plugins.open(&step.op, &w.input(width))?;
                let model = w.broadcast.fitting.get(&i).map(|model| model.0.clone()).unwrap_or_default();
                let pass = w.broadcast.delays.get(&i).copied().unwrap_or(0);
                let part = self.training();
                self.passes.insert(Owner::Fit(i), OpPass { op, node: parent, part, model, pass });
            }
        }
        Ok(())
    }

    fn add_folds(&mut self, node: u32, parts: &[catalogue::Part], width: usize) {
        if parts.is_empty() {
            return;
        }
        let mut fold =
            |owner, part| self.folds.push(Fold { owner, node, part, parts: parts.to_vec(), width });
        if self.split {
            fold(Owner::Moments(node), Part::Measured);
            fold(Owner::Fitting(node), Part::Training);
        } else {
            fold(Owner::Moments(node), Part::All);
        }
    }

    fn add_sample(&mut self, w: &Widths<'_>, op: &PlannedOp) -> Result<(), WorkerError> {
        let spec = op.sample.and_then(|index| Some((index, w.plan.samples.get(index as usize)?)));
        let (index, spec) = spec.ok_or_else(|| WorkerError::task("the plan has no such sample"))?;
        if let Some(width) = w.of(spec.node)? {
            let part = if spec.both_parts { Part::All } else { self.measured() };
            let empty = Sample::new(spec, w.plan.study.seed, w.views(width).cols);
            self.samples.insert(index, Drawn { node: spec.node, part, empty });
        }
        Ok(())
    }

    fn add_pass(
        &mut self,
        w: &Widths<'_>,
        index: u32,
        op: &PlannedOp,
        model: Vec<u8>,
        pass: u32,
    ) -> Result<(), WorkerError> {
        if let Some(width) = w.of(op.node)? {
            let both = op.columns.iter().any(|column| column == "split");
            let part = if both { Part::All } else { self.measured() };
            let opened = w.plugins.open(&op.op, &w.views(width))?;
            self.passes.insert(Owner::Op(index), OpPass { op: opened, node: op.node, part, model, pass });
        }
        Ok(())
    }

    /// Adds the maps of all spaces whose rows somebody sees, those on the way to them included.
    fn add_spaces(&mut self, w: &Widths<'_>) -> Result<(), WorkerError> {
        let seen = self.folds.iter().map(|fold| fold.node);
        let seen = seen.chain(self.groupings.iter().map(|grouping| grouping.node));
        let seen = seen.chain(self.samples.values().map(|drawn| drawn.node));
        let seen = seen.chain(self.passes.values().map(|pass| pass.node));
        let needed: Vec<u32> = seen.flat_map(|node| w.plan.chain(node)).collect();
        for node in needed {
            let space = &w.plan.nodes[node as usize];
            let (Some(parent), Some(step), Some(columns)) = (space.parent, &space.step, w.of(node)?) else {
                continue;
            };
            let Some(parent_width) = w.of(parent)? else { continue };
            let model = match w.broadcast.fits.get(&node) {
                Some(Fit::Done { model, .. }) => model.0.clone(),
                _ => Vec::new(),
            };
            let op = w.plugins.open(&step.op, &w.input(parent_width))?;
            self.spaces.insert(node, SpaceMap { parent, op, model, columns });
        }
        Ok(())
    }

    /// The rows that are measured.
    fn measured(&self) -> Part {
        if self.split { Part::Measured } else { Part::All }
    }

    /// The rows that enhancements are fitted on.
    fn training(&self) -> Part {
        if self.split { Part::Training } else { Part::All }
    }

    /// Tells whether anything looks at a part of the rows.
    fn looks_at(&self, part: Part) -> bool {
        self.folds.iter().any(|fold| fold.part == part)
            || self.samples.values().any(|drawn| drawn.part == part)
            || self.passes.values().any(|pass| pass.part == part)
            || (part == self.measured() && !self.groupings.is_empty())
    }

    /// Tells whether no row needs to be seen.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.folds.is_empty()
            && self.groupings.is_empty()
            && self.samples.is_empty()
            && self.passes.is_empty()
    }

    /// The one thing to fold when all that is wanted of the rows are sums that a device of its own can fold where the rows are.
    fn device_fold(&self) -> Option<&Fold> {
        let nothing_else = !self.split
            && self.groupings.is_empty()
            && self.samples.is_empty()
            && self.passes.is_empty()
            && self.spaces.is_empty();
        let [fold] = self.folds.as_slice() else { return None };
        let foldable = fold.node == 0 && !fold.parts.contains(&catalogue::Part::Shape);
        (nothing_else && foldable).then_some(fold)
    }

    /// The passes of ops and of fits.
    #[must_use]
    pub fn passes(&self) -> &BTreeMap<Owner, OpPass> {
        &self.passes
    }

    /// The empty sample of an index in the plan.
    #[must_use]
    pub fn sample(&self, index: u32) -> Option<Sample> {
        self.samples.get(&index).map(|drawn| drawn.empty.clone())
    }

    /// Begins a shard.
    ///
    /// # Errors
    /// When an op refuses its model.
    pub fn begin(&self) -> Result<ShardRun<'_>, WorkerError> {
        ShardRun::begin(self)
    }

    /// Merges the states of two neighbouring nodes of the merge tree, left first.
    ///
    /// # Errors
    /// When the states do not belong together.
    pub fn merge(&self, left: NodeState, mut right: NodeState) -> Result<NodeState, WorkerError> {
        let mut merged = left;
        for (owner, moments) in &mut merged.moments {
            moments.merge(right.moments.get(owner).ok_or_else(|| missing("a moments state"))?)?;
        }
        for grouping in &self.groupings {
            let owner = Owner::Groups(grouping.node, grouping.index);
            if let (Some(groups), Some(other)) = (merged.groups.get_mut(&owner), right.groups.remove(&owner))
            {
                grouping.merge(groups, other)?;
            }
        }
        for (index, sample) in &mut merged.samples {
            sample.merge(right.samples.remove(index).ok_or_else(|| missing("a sample"))?);
        }
        for (owner, state) in &mut merged.runs {
            let other = right.runs.get(owner).ok_or_else(|| missing("the state of an op"))?;
            *state = self.merged_run(*owner, &[state, other])?.save()?;
        }
        Ok(merged)
    }

    /// Begins the pass of an op and merges states into it, in order.
    ///
    /// # Errors
    /// When the op has no pass in this stage or refuses a state.
    pub fn merged_run(&self, owner: Owner, states: &[&Vec<u8>]) -> Result<Run, WorkerError> {
        let pass =
            self.passes.get(&owner).ok_or_else(|| WorkerError::task("an op has no pass in this stage"))?;
        let mut run = pass.op.begin(&pass.model, pass.pass)?;
        for state in states {
            run.merge(state)?;
        }
        Ok(run)
    }
}
