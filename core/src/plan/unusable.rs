//! Ops that no dataset has the columns for: refused when the study names them, left out when it names their family.

use super::{PlannedOp, Subject};
use crate::catalogue::{Kind, Selection};
use crate::violation::Violation;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// An op that a family holds and no dataset has the columns for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LeftOut {
    /// Id of the op.
    pub op: String,
    /// Columns that it reads.
    pub columns: Vec<String>,
}

/// Takes the ops out that no subject can be given. Those whose family has others that can be given are told of; those that the study
/// names, or whose family has no other, are violations.
pub(super) fn take_out(
    subjects: &[Subject],
    ops: &mut Vec<PlannedOp>,
    found: &mut Vec<Violation>,
) -> Vec<LeftOut> {
    let used: BTreeSet<u32> = subjects.iter().flat_map(|subject| subject.ops.iter().copied()).collect();
    let (mut kept, mut left_out, mut refused) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    let usable = |i: u32| used.contains(&i);
    let families: BTreeSet<String> = (0..)
        .zip(ops.iter())
        .filter(|(i, _)| usable(*i))
        .flat_map(|(_, op)| op.selected_by.iter().cloned())
        .collect();
    for (i, op) in (0..).zip(std::mem::take(ops)) {
        if usable(i) {
            kept.push(op);
        } else if op.is_named() || !op.selected_by.iter().any(|id| families.contains(id)) {
            if refused.insert(op.op.id.clone()) {
                found.push(violation(&op));
            }
        } else {
            left_out.insert(LeftOut { columns: columns(&op), op: op.op.id });
        }
    }
    *ops = kept;
    left_out.into_iter().collect()
}

impl PlannedOp {
    /// Tells whether the study names the op or one of its values, and not only a family that holds it.
    fn is_named(&self) -> bool {
        let one = |selection: &Selection| matches!(selection, Selection::One(_));
        self.selected_by.contains(&self.op.id) || self.selections.iter().any(one)
    }
}

fn columns(op: &PlannedOp) -> Vec<String> {
    op.columns.iter().chain(&op.by).cloned().collect()
}

/// Gold scores that stand beside sentences are those of pairs.
pub(super) fn reads_pairs(op: &PlannedOp) -> bool {
    ["gold", "sentence"].iter().all(|name| op.columns.iter().any(|column| column == name))
}

fn violation(op: &PlannedOp) -> Violation {
    let how = match op.kind {
        Kind::Evaluation if reads_pairs(op) => "; gold scores need two text columns and a gold column",
        Kind::Probe => "; add `label`, and `train` or `split`, to a dataset",
        _ => "; name them in `carry` or `attach` of a dataset",
    };
    let columns = columns(op).join(", ");
    let message = format!("`{}` needs the columns {columns}, which no dataset has{how}", op.op.id);
    Violation::new("dataset", message)
}
