//! Stages: every op runs in the first pass in which all that it needs is fitted.
//!
//! A stage is one pass over the rows and what can be computed at its end. Affine enhancements carry the second moments over
//! in closed form, so what needs nothing else of their spaces costs no pass.

use super::spaces::{SecondFrom, SpaceNode};
use super::{Needs, Part, PlannedOp};

/// Sets the stages of all nodes and ops; returns the number of passes.
pub(super) fn assign(nodes: &mut [SpaceNode], ops: &mut [PlannedOp]) -> u32 {
    for i in 0..nodes.len() {
        place_node(nodes, i);
    }
    for op in ops.iter_mut() {
        place_op(nodes, op);
    }
    let last_op = ops.iter().filter_map(|op| op.pass.max(op.measured)).max().unwrap_or(0);
    last_op.max(1)
}

/// A parent precedes its children in `nodes`, so its stages are known.
fn place_node(nodes: &mut [SpaceNode], i: usize) {
    let (Some(parent), Some(step)) = (nodes[i].parent, nodes[i].step.clone()) else { return };
    let parent = parent as usize;
    let fitted = match step.needs {
        Needs::Nothing => None,
        Needs::Rows => Some(nodes[parent].ready),
        _ => Some(require(nodes, parent, &step.parts)),
    };
    nodes[i].fitted = fitted;
    nodes[i].ready = nodes[parent].ready.max(fitted.map_or(0, |stage| stage + 1));
}

fn place_op(nodes: &mut [SpaceNode], op: &mut PlannedOp) {
    let node = op.node as usize;
    let ready = nodes[node].ready;
    if let Some(column) = &op.by {
        // Groups have no closed form: their rows are seen.
        let folded = nodes[node].grouped.entry(column.clone()).or_default();
        folded.extend(op.parts.iter().filter(|part| !folded.contains(part)).copied().collect::<Vec<_>>());
        folded.sort_unstable();
        op.measured = Some(ready);
        return;
    }
    match op.needs {
        Needs::Rows | Needs::Sample => op.pass = Some(ready),
        Needs::Moments => op.measured = Some(require(nodes, node, &op.parts)),
        Needs::MomentsThenRows => {
            let measured = require(nodes, node, &op.parts);
            op.measured = Some(measured);
            op.pass = Some(ready.max(measured + 1));
        }
        Needs::Nothing => {}
    }
    if let Some(stage) = op.measured {
        nodes[node].carried_to = nodes[node].carried_to.max(stage);
    }
}

/// Makes sure that the parts of a node's moments are computed; returns the stage at whose end they are complete.
fn require(nodes: &mut [SpaceNode], node: usize, parts: &[Part]) -> u32 {
    let mut complete = 1;
    for &part in parts {
        let stage = match part {
            Part::Second => require_second(nodes, node).stage(),
            Part::Direction | Part::Shape => {
                fold(&mut nodes[node], part);
                nodes[node].ready
            }
        };
        complete = complete.max(stage);
    }
    nodes[node].carried_to = nodes[node].carried_to.max(complete);
    complete
}

fn require_second(nodes: &mut [SpaceNode], node: usize) -> SecondFrom {
    if let Some(known) = nodes[node].second {
        return known;
    }
    let affine_parent = nodes[node].step.as_ref().filter(|step| step.affine).and(nodes[node].parent);
    let from = if let Some(parent) = affine_parent {
        let stage = require_second(nodes, parent as usize).stage().max(nodes[node].fitted.unwrap_or(1));
        nodes[parent as usize].carried_to = nodes[parent as usize].carried_to.max(stage);
        SecondFrom::ClosedForm(stage)
    } else {
        fold(&mut nodes[node], Part::Second);
        SecondFrom::Pass(nodes[node].ready)
    };
    nodes[node].second = Some(from);
    from
}

fn fold(node: &mut SpaceNode, part: Part) {
    if !node.folded.contains(&part) {
        node.folded.push(part);
        node.folded.sort_unstable();
    }
}
