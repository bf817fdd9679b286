//! One layer of one subject in one stage: which rows are seen in which space, and who absorbs them.

use crate::error::WorkerError;
use crate::plugins::PluginSet;
use crate::rows::{self, Columns};
use isoscope_core::catalogue::Part;
use isoscope_core::moments::Moments;
use isoscope_core::plan::{Plan, Subject};
use isoscope_core::state::{Blob, Broadcast, Fit, LayerState, Owner};
use isoscope_plugin_host::{BatchView, Op, OpInput, Run};
use ndarray::{Array2, ArrayView2};
use std::collections::BTreeMap;

/// A pass of an op over the rows of one space.
pub struct OpPass {
    /// Index of the op in the plan.
    pub index: u32,
    /// The op.
    pub op: Op,
    /// Node of the space whose rows it sees.
    pub node: u32,
    /// Model that the pass begins with.
    pub model: Vec<u8>,
    /// Which pass of the op this is.
    pub pass: u32,
}

/// The work of one stage on one layer, resolved: spaces with their fitted maps, moments to fold, ops to feed.
pub struct LayerStage {
    spaces: BTreeMap<u32, SpaceMap>,
    folds: Vec<Fold>,
    passes: BTreeMap<u32, OpPass>,
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
    node: u32,
    parts: Vec<Part>,
    width: usize,
}

impl LayerStage {
    /// Resolves what stage `stage` does on one layer, given what the previous stage's end broadcast.
    ///
    /// # Errors
    /// When a plugin is missing or an op refuses to open.
    pub fn new(
        plan: &Plan,
        subject: &Subject,
        stage: u32,
        broadcast: &Broadcast,
        plugins: &PluginSet,
    ) -> Result<Self, WorkerError> {
        let widths = Widths { plan, subject, broadcast, plugins };
        let mut resolved = Self { spaces: BTreeMap::new(), folds: Vec::new(), passes: BTreeMap::new() };
        for (i, node) in (0..).zip(&plan.nodes) {
            if node.ready == stage
                && !node.folded.is_empty()
                && let Some(width) = widths.of(i)?
            {
                resolved.folds.push(Fold { node: i, parts: node.folded.clone(), width });
            }
        }
        for (index, op) in plan.scheduled_passes(subject, stage) {
            resolved.add_pass(&widths, index, op.node, Vec::new(), 0)?;
        }
        for run in broadcast.runs.iter().filter(|run| run.stage == stage) {
            if let Some(op) = plan.ops.get(run.op as usize).filter(|_| subject.ops.contains(&run.op)) {
                resolved.add_pass(&widths, run.op, op.node, run.model.0.clone(), run.pass)?;
            }
        }
        resolved.add_spaces(&widths)?;
        Ok(resolved)
    }

    fn add_pass(
        &mut self,
        w: &Widths<'_>,
        index: u32,
        node: u32,
        model: Vec<u8>,
        pass: u32,
    ) -> Result<(), WorkerError> {
        if let Some(width) = w.of(node)? {
            let op = w.plugins.open(&w.plan.ops[index as usize].op, &w.input(width))?;
            self.passes.insert(index, OpPass { index, op, node, model, pass });
        }
        Ok(())
    }

    fn add_spaces(&mut self, w: &Widths<'_>) -> Result<(), WorkerError> {
        let seen = self.folds.iter().map(|f| f.node).chain(self.passes.values().map(|p| p.node));
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

    /// Tells whether no row needs to be seen.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.folds.is_empty() && self.passes.is_empty()
    }

    /// The passes of ops, by index in the plan.
    #[must_use]
    pub fn passes(&self) -> &BTreeMap<u32, OpPass> {
        &self.passes
    }

    /// Begins a shard.
    ///
    /// # Errors
    /// When an op refuses its model.
    pub fn begin(&self) -> Result<ShardRun<'_>, WorkerError> {
        let moments = self.folds.iter().map(|f| (f.node, Moments::empty(&f.parts, f.width))).collect();
        let runs = self.passes.iter().map(|(&i, p)| Ok((i, p.op.begin(&p.model, p.pass)?)));
        let maps = self.spaces.iter().map(|(&i, s)| Ok((i, s.op.begin(&s.model, 0)?)));
        let runs = runs.collect::<Result<_, WorkerError>>()?;
        Ok(ShardRun { stage: self, moments, runs, maps: maps.collect::<Result<_, WorkerError>>()? })
    }

    /// Merges the states of two neighbouring nodes of the merge tree, left first.
    ///
    /// # Errors
    /// When the states do not belong together.
    pub fn merge(&self, left: NodeState, right: NodeState) -> Result<NodeState, WorkerError> {
        let mut merged = left;
        for (node, moments) in &mut merged.moments {
            let other =
                right.moments.get(node).ok_or_else(|| WorkerError::task("a moments state is missing"))?;
            moments.merge(other)?;
        }
        for (index, state) in &mut merged.ops {
            let other =
                right.ops.get(index).ok_or_else(|| WorkerError::task("the state of an op is missing"))?;
            *state = self.merged_run(*index, &[state, other])?.save()?;
        }
        Ok(merged)
    }

    /// Begins the pass of an op and merges states into it, in order.
    ///
    /// # Errors
    /// When the op has no pass in this stage or refuses a state.
    pub fn merged_run(&self, index: u32, states: &[&Vec<u8>]) -> Result<Run, WorkerError> {
        let pass =
            self.passes.get(&index).ok_or_else(|| WorkerError::task("an op has no pass in this stage"))?;
        let mut run = pass.op.begin(&pass.model, pass.pass)?;
        for state in states {
            run.merge(state)?;
        }
        Ok(run)
    }
}

/// States of one layer over some shards, decoded.
#[derive(Debug, Clone, Default)]
pub struct NodeState {
    /// Moments by node of the space tree.
    pub moments: BTreeMap<u32, Moments>,
    /// Encoded states of ops.
    pub ops: BTreeMap<u32, Vec<u8>>,
}

impl NodeState {
    /// Encodes the states for a blob.
    ///
    /// # Errors
    /// When they cannot be encoded.
    pub fn to_layer_state(&self) -> Result<LayerState, WorkerError> {
        let mut states = BTreeMap::new();
        for (&node, moments) in &self.moments {
            states.insert(Owner::Moments(node), Blob(moments.to_bytes()?));
        }
        for (&op, state) in &self.ops {
            states.insert(Owner::Op(op), Blob(state.clone()));
        }
        Ok(LayerState { states })
    }

    /// Decodes what [`NodeState::to_layer_state`] made.
    ///
    /// # Errors
    /// When a moments state cannot be read.
    pub fn from_layer_state(state: LayerState) -> Result<Self, WorkerError> {
        let mut decoded = Self::default();
        for (owner, Blob(bytes)) in state.states {
            match owner {
                Owner::Moments(node) => drop(decoded.moments.insert(node, Moments::from_bytes(&bytes)?)),
                Owner::Op(op) => drop(decoded.ops.insert(op, bytes)),
            }
        }
        Ok(decoded)
    }
}

/// One shard being absorbed on one layer.
pub struct ShardRun<'a> {
    stage: &'a LayerStage,
    moments: BTreeMap<u32, Moments>,
    runs: BTreeMap<u32, Run>,
    maps: BTreeMap<u32, Run>,
}

impl ShardRun<'_> {
    /// Absorbs rows of the raw space, n×d, into every space that the stage looks at.
    ///
    /// # Errors
    /// When an op fails.
    pub fn absorb(&mut self, raw: ArrayView2<'_, f64>, columns: &Columns) -> Result<(), WorkerError> {
        if raw.nrows() == 0 {
            return Ok(());
        }
        let mut mapped: BTreeMap<u32, Array2<f64>> = BTreeMap::new();
        for (&node, space) in &self.stage.spaces {
            let parent = mapped.get(&space.parent).map_or(raw, |m| m.view());
            let mut out = vec![0.0; raw.nrows() * space.columns];
            if let Some(map) = self.maps.get(&node) {
                map.apply(&lend(parent, columns)?, &mut out, space.columns)?;
            }
            let rows = Array2::from_shape_vec((raw.nrows(), space.columns), out);
            mapped.insert(node, rows.map_err(|e| WorkerError::task(e.to_string()))?);
        }
        let rows_of = |node: u32| mapped.get(&node).map_or(raw, |m| m.view());
        for (&node, moments) in &mut self.moments {
            moments.absorb(rows_of(node));
        }
        for (index, run) in &mut self.runs {
            if let Some(pass) = self.stage.passes.get(index) {
                run.update(&lend(rows_of(pass.node), columns)?)?;
            }
        }
        Ok(())
    }

    /// Ends the shard.
    ///
    /// # Errors
    /// When an op cannot save its state.
    pub fn save(self) -> Result<NodeState, WorkerError> {
        let ops = self.runs.iter().map(|(&index, run)| Ok((index, run.save()?)));
        Ok(NodeState { ops: ops.collect::<Result<_, WorkerError>>()?, moments: self.moments })
    }
}

fn lend<'a>(rows: ArrayView2<'a, f64>, columns: &'a Columns) -> Result<BatchView<'a>, WorkerError> {
    rows::batch(rows, columns).ok_or_else(|| WorkerError::task("rows are not contiguous"))
}

/// Widths of spaces, which fitted models decide.
pub(crate) struct Widths<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) subject: &'a Subject,
    pub(crate) broadcast: &'a Broadcast,
    pub(crate) plugins: &'a PluginSet,
}

impl Widths<'_> {
    /// Width of the rows of a node, or none when its chain could not be fitted.
    pub(crate) fn of(&self, node: u32) -> Result<Option<usize>, WorkerError> {
        let mut width = self.subject.width as usize;
        for at in self.plan.chain(node) {
            let space = &self.plan.nodes[at as usize];
            let Some(step) = &space.step else { continue };
            width = match (self.broadcast.fits.get(&at), space.fitted) {
                (Some(Fit::Done { columns, .. }), _) => *columns as usize,
                (Some(Fit::Failed { .. }), _) | (None, Some(_)) => return Ok(None),
                (None, None) => self.plugins.open(&step.op, &self.input(width))?.output_cols(&[], width)?,
            };
        }
        Ok(Some(width))
    }

    pub(crate) fn input(&self, width: usize) -> OpInput {
        OpInput { cols: vec![width], rows: 0, seed: self.plan.study.seed }
    }
}
