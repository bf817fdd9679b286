//! Standard errors: every value asked for again with each top block of the merge tree left out.
//!
//! Fits are those of all rows: the error is conditional on the enhancement and, for the partition function, on the directions.

use super::StageEnd;
use crate::error::WorkerError;
use crate::pass::fold;
use crate::stage::{LayerStage, NodeState};
use isoscope_core::catalogue::Needs;
use isoscope_core::jackknife::{Blocks, standard_error};
use isoscope_core::moments::{Moments, Second};
use isoscope_core::plan::{OpRef, PlannedOp, SecondFrom};
use isoscope_core::state::Owner;
use isoscope_plugin_host::{Collected, Op, OpError};
use isoscope_plugin_services::{LentMoments, NearMoments};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Most bytes of an op's states over all groups: ops of larger ones get no error, because asking them again costs as much as the pass.
const MOST_BYTES: usize = 1 << 20;
/// The same for an op that can be asked for what is cheap alone.
const MOST_SUMS: usize = 512 << 20;
/// Parameter of an op that says whether it decomposes matrices for its values. Without, it has fewer values, and they cost little.
const DECOMPOSITIONS: &str = "decompositions";

/// States of the blocks: the moments of the rows that are measured, and the small states of ops.
pub(super) struct States {
    blocks: Blocks,
    /// Groups of the merge tree that came so far.
    seen: usize,
    /// Ops whose states are kept.
    kept: BTreeMap<Owner, Kept>,
    /// Groups of the block that is being filled.
    open: Vec<NodeState>,
    full: Vec<NodeState>,
}

/// An op whose states are kept.
struct Kept {
    /// Bytes of its states so far.
    bytes: usize,
    /// The op that gives the cheap ones of its values, if there is such a one.
    cheap: Option<Op>,
}

impl Kept {
    fn is_small(&self) -> bool {
        self.bytes <= MOST_BYTES || (self.cheap.is_some() && self.bytes <= MOST_SUMS)
    }
}

/// Values of one op by metric and part, one a block.
type Replicates = BTreeMap<(String, String), Vec<f64>>;

/// An op that is asked again.
struct Asked {
    index: u32,
    node: u32,
    op: Op,
    found: Replicates,
    /// Whether an answer rests on eigenvalues to first order.
    first_order: bool,
}

impl States {
    /// Begins with no group; none when there is nothing to estimate.
    pub(super) fn of(end: &StageEnd<'_>, stage: &LayerStage) -> Result<Option<Self>, WorkerError> {
        let blocks = Blocks::of(end.subject).filter(|_| end.plan.study.statistics.jackknife);
        let Some(blocks) = blocks else { return Ok(None) };
        let mut kept = BTreeMap::new();
        for owner in stage.passes().keys() {
            let Owner::Op(index) = owner else { continue };
            if let Some(planned) = end.plan.ops.get(*index as usize) {
                kept.insert(*owner, Kept { bytes: 0, cheap: cheap(end, planned)? });
            }
        }
        Ok(Some(Self { blocks, seen: 0, kept, open: Vec::new(), full: Vec::new() }))
    }

    /// Keeps what the errors are estimated from of the next group of the merge tree.
    pub(super) fn keep(&mut self, stage: &LayerStage, group: &NodeState) -> Result<(), WorkerError> {
        let place = self.seen;
        self.seen += 1;
        let Some(range) = self.blocks.groups.iter().find(|range| range.contains(&place)) else {
            return Ok(());
        };
        let last = range.end == place + 1;
        let mut reduced = NodeState { moments: measured(&group.moments).collect(), ..NodeState::default() };
        for (owner, state) in &group.runs {
            let Some(kept) = self.kept.get_mut(owner) else { continue };
            kept.bytes += state.len();
            if kept.is_small() {
                reduced.runs.insert(*owner, state.clone());
                continue;
            }
            self.kept.remove(owner);
            for state in self.open.iter_mut().chain(&mut self.full) {
                state.runs.remove(owner);
            }
        }
        self.open.push(reduced);
        if last {
            self.full.push(fold(stage, std::mem::take(&mut self.open))?);
        }
        Ok(())
    }

    /// Estimates the errors of the values that the stage's end has reported.
    pub(super) fn estimate(self, end: &mut StageEnd<'_>, stage: &LayerStage) -> Result<(), WorkerError> {
        let mut on_moments = Self::ops_on_moments(end)?;
        let mut on_rows = self.ops_on_rows(end, stage);
        if on_moments.is_empty() && on_rows.is_empty() {
            return Ok(());
        }
        let mut behind: Vec<Option<NodeState>> = vec![None];
        for block in self.full.iter().skip(1).rev() {
            let next = merged(stage, Some(block.clone()), behind.last().and_then(Clone::clone))?;
            behind.push(next);
        }
        let mut before: Option<NodeState> = None;
        for block in &self.full {
            let after = behind.pop().flatten();
            if let Some(left) = merged(stage, before.clone(), after)? {
                Self::ask_moments(end, &left, &mut on_moments)?;
                Self::ask_runs(stage, &left, &mut on_rows)?;
            }
            before = merged(stage, before, Some(block.clone()))?;
        }
        for asked in on_moments.into_iter().chain(on_rows) {
            self.note(end, &asked);
        }
        Ok(())
    }

    fn ops_on_moments(end: &StageEnd<'_>) -> Result<Vec<Asked>, WorkerError> {
        let mut asked = Vec::new();
        for (index, planned) in end.plan.measured_at(end.subject, end.slot, end.stage, &end.before.delays) {
            if planned.needs != Needs::Moments || planned.by.is_some() {
                continue;
            }
            if let Some(width) = end.widths().of(planned.node)? {
                let op = end.plugins.open(&planned.op, &end.widths().input(width))?;
                let (node, found) = (planned.node, Replicates::new());
                asked.push(Asked { index, node, op, found, first_order: false });
            }
        }
        Ok(asked)
    }

    /// Ops whose passes ended here for good and whose states are kept.
    fn ops_on_rows(&self, end: &StageEnd<'_>, stage: &LayerStage) -> Vec<Asked> {
        let done = |index: u32| !end.next.runs.iter().any(|run| run.op == index);
        let passes = stage.passes().iter().filter_map(|(owner, pass)| {
            let (&Owner::Op(index), Some(kept)) = (owner, self.kept.get(owner)) else { return None };
            let whole = (kept.bytes <= MOST_BYTES).then_some(&pass.op);
            let op = whole.or(kept.cheap.as_ref()).filter(|_| done(index))?.clone();
            Some(Asked { index, node: pass.node, op, found: Replicates::new(), first_order: false })
        });
        passes.collect()
    }

    fn ask_moments(end: &StageEnd<'_>, left: &NodeState, asked: &mut [Asked]) -> Result<(), WorkerError> {
        if asked.is_empty() {
            return Ok(());
        }
        let clouds = left_out(end, left)?;
        let near: BTreeMap<u32, NearMoments<'_>> = clouds
            .into_iter()
            .filter_map(|(node, moments)| Some((node, NearMoments::new(moments, end.moments.get(&node)?))))
            .collect();
        for one in asked {
            if let Some(near) = near.get(&one.node) {
                near.forget_first_order();
                let mut collected = Collected::default();
                match one.op.measure(&near.view(), &mut collected) {
                    Ok(_) => add(&mut one.found, collected),
                    Err(OpError::Failed { .. }) => {}
                    Err(error) => return Err(error.into()),
                }
                one.first_order |= near.was_first_order();
            }
        }
        Ok(())
    }

    fn ask_runs(stage: &LayerStage, left: &NodeState, asked: &mut [Asked]) -> Result<(), WorkerError> {
        for one in asked {
            let owner = Owner::Op(one.index);
            let (Some(state), Some(pass)) = (left.runs.get(&owner), stage.passes().get(&owner)) else {
                continue;
            };
            let mut run = one.op.begin(&pass.model, pass.pass)?;
            run.merge(state)?;
            let mut collected = Collected::default();
            match run.finish(&mut collected) {
                Ok(_) => add(&mut one.found, collected),
                Err(OpError::Failed { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Writes the errors beside the values that were reported.
    fn note(&self, end: &mut StageEnd<'_>, asked: &Asked) {
        let reports =
            end.reports.iter_mut().filter(|report| report.op == asked.index && report.group.is_empty());
        for row in reports.flat_map(|report| &mut report.rows).filter(|row| row.std_err.is_none()) {
            let found = asked.found.get(&(row.metric.clone(), row.part.clone()));
            let (Some(value), Some(replicates)) = (row.value, found) else { continue };
            row.std_err = standard_error(value, replicates, &self.blocks.rows);
            if row.std_err.is_some() {
                let spectrum = if asked.first_order { ", first-order eigenvalues" } else { "" };
                row.std_err_kind = format!("jackknife({}{spectrum})", self.blocks.rows.len());
                row.replicates.clone_from(replicates);
            }
        }
    }
}

/// The op that gives the cheap ones of the values of an op that has the parameter for it.
fn cheap(end: &StageEnd<'_>, planned: &PlannedOp) -> Result<Option<Op>, WorkerError> {
    let manifest = end.plugins.manifest(&planned.op)?;
    if manifest.params.pointer(&format!("/properties/{DECOMPOSITIONS}")).is_none() {
        return Ok(None);
    }
    let Some(width) = end.widths().of(planned.node)? else { return Ok(None) };
    let written = serde_json::from_str(&planned.op.params).unwrap_or_default();
    let mut params: Map<String, Value> = written;
    params.insert(DECOMPOSITIONS.to_owned(), Value::Bool(false));
    let op = OpRef { params: Value::Object(params).to_string(), ..planned.op.clone() };
    Ok(Some(end.plugins.open(&op, &end.widths().views(width))?))
}

/// The moments of the rows that are measured.
fn measured(moments: &BTreeMap<Owner, Moments>) -> impl Iterator<Item = (Owner, Moments)> + '_ {
    let measured = moments.iter().filter(|(owner, _)| matches!(owner, Owner::Moments(_)));
    measured.map(|(owner, moments)| (*owner, moments.clone()))
}

fn merged(
    stage: &LayerStage,
    left: Option<NodeState>,
    right: Option<NodeState>,
) -> Result<Option<NodeState>, WorkerError> {
    match (left, right) {
        (Some(left), Some(right)) => stage.merge(left, right).map(Some),
        (left, right) => Ok(left.or(right)),
    }
}

fn add(found: &mut Replicates, collected: Collected) {
    for row in collected.rows {
        if let Some(value) = row.value {
            found.entry((row.metric, row.part)).or_default().push(value);
        }
    }
}

/// Moments of every space without one block: folded ones as merged, closed forms mapped from their parents.
fn left_out(end: &StageEnd<'_>, left: &NodeState) -> Result<BTreeMap<u32, Moments>, WorkerError> {
    let mut clouds: BTreeMap<u32, Moments> = BTreeMap::new();
    let needed = end.plan.nodes_of(end.subject, end.slot);
    for (i, node) in (0..).zip(&end.plan.nodes).filter(|(i, _)| needed.contains(i)) {
        let none = Moments { second: None, direction: None, shape: None };
        let mut moments = left.moments.get(&Owner::Moments(i)).cloned().unwrap_or(none);
        let closed = matches!(node.second, Some(SecondFrom::ClosedForm(stage)) if end.is_now(i, stage));
        if closed && let Some(second) = node.parent.and_then(|parent| clouds.get(&parent)?.second.as_ref()) {
            moments.second = end.carried_over(i, second)?;
        }
        let n = moments.n();
        if n > 0 && moments.second.is_none() {
            moments.second = end.moments.get(&i).and_then(|lent| carried(lent, n));
        }
        if n > 0 || moments.second.is_some() {
            clouds.insert(i, moments);
        }
    }
    Ok(clouds)
}

/// Second moments that an earlier stage completed stay those of all rows, scaled to as many as are left.
fn carried(lent: &LentMoments, n: u64) -> Option<Second> {
    let second = lent.moments().second.as_ref()?;
    let share = n as f64 / second.n as f64;
    Some(Second::from_parts(n, second.mean.clone(), second.scatter() * share))
}
