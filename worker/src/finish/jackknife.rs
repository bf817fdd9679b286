//! Standard errors: every value asked for again with each top block of the merge tree left out.
//!
//! Fits are those of all rows: the error is conditional on the enhancement and, for the partition function, on the directions.

use super::StageEnd;
use crate::error::WorkerError;
use crate::pass::fold;
use crate::stage::{LayerStage, NodeState};
use isoscope_core::catalogue::{Kind, Needs};
use isoscope_core::jackknife::{Blocks, standard_error};
use isoscope_core::moments::{Moments, Second};
use isoscope_core::plan::SecondFrom;
use isoscope_core::state::Owner;
use isoscope_plugin_host::{Collected, Op, OpError};
use isoscope_plugin_services::{LentMoments, NearMoments};
use std::collections::BTreeMap;

/// Most bytes of an op's states over all blocks: ops of larger ones get no error, because asking them again costs as much as the pass.
const MOST_BYTES: usize = 1 << 20;

/// States of the blocks: the moments of the rows that are measured, and the small states of ops.
pub(super) struct States {
    rows: Vec<u64>,
    blocks: Vec<NodeState>,
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
    /// Keeps what the errors are estimated from, before the groups are merged; none when there is nothing to estimate.
    pub(super) fn keep(
        end: &StageEnd<'_>,
        stage: &LayerStage,
        groups: &[NodeState],
    ) -> Result<Option<Self>, WorkerError> {
        if !end.plan.study.statistics.jackknife || end.subject.partner.is_some() {
            return Ok(None);
        }
        let Some(blocks) = Blocks::of(end.subject) else { return Ok(None) };
        let small = |owner: &Owner| {
            let kind = match owner {
                Owner::Op(index) => end.plan.ops.get(*index as usize).map(|op| op.kind),
                _ => None,
            };
            let bytes: usize = groups.iter().filter_map(|group| group.runs.get(owner)).map(Vec::len).sum();
            matches!(kind, Some(Kind::Metric | Kind::Evaluation)) && bytes <= MOST_BYTES
        };
        let runs: Vec<Owner> = stage.passes().keys().filter(|owner| small(owner)).copied().collect();
        let reduce = |group: &NodeState| NodeState {
            moments: measured(&group.moments).collect(),
            runs: runs.iter().filter_map(|owner| Some((*owner, group.runs.get(owner)?.clone()))).collect(),
            ..NodeState::default()
        };
        let merged = blocks.groups.iter().map(|range| {
            let states = groups.get(range.clone()).unwrap_or_default().iter().map(reduce);
            fold(stage, states.collect())
        });
        Ok(Some(Self { rows: blocks.rows, blocks: merged.collect::<Result<_, WorkerError>>()? }))
    }

    /// Estimates the errors of the values that the stage's end has reported.
    pub(super) fn estimate(self, end: &mut StageEnd<'_>, stage: &LayerStage) -> Result<(), WorkerError> {
        let mut on_moments = Self::ops_on_moments(end)?;
        let mut on_rows = Self::ops_on_rows(end, stage);
        if on_moments.is_empty() && on_rows.is_empty() {
            return Ok(());
        }
        let mut behind: Vec<Option<NodeState>> = vec![None];
        for block in self.blocks.iter().skip(1).rev() {
            let next = merged(stage, Some(block.clone()), behind.last().and_then(Clone::clone))?;
            behind.push(next);
        }
        let mut before: Option<NodeState> = None;
        for block in &self.blocks {
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

    /// Ops whose passes ended here for good.
    fn ops_on_rows(end: &StageEnd<'_>, stage: &LayerStage) -> Vec<Asked> {
        let done = |index: u32| !end.next.runs.iter().any(|run| run.op == index);
        let passes = stage.passes().iter().filter_map(|(owner, pass)| match owner {
            Owner::Op(index) if done(*index) => Some(Asked {
                index: *index,
                node: pass.node,
                op: pass.op.clone(),
                found: Replicates::new(),
                first_order: false,
            }),
            _ => None,
        });
        passes.collect()
    }

    fn ask_moments(end: &StageEnd<'_>, left: &NodeState, asked: &mut [Asked]) -> Result<(), WorkerError> {
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
            let Some(state) = left.runs.get(&owner) else { continue };
            let mut collected = Collected::default();
            match stage.merged_run(owner, &[state])?.finish(&mut collected) {
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
            row.std_err = standard_error(value, replicates, &self.rows);
            if row.std_err.is_some() {
                let spectrum = if asked.first_order { ", first-order eigenvalues" } else { "" };
                row.std_err_kind = format!("jackknife({}{spectrum})", self.rows.len());
                row.replicates.clone_from(replicates);
            }
        }
    }
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
