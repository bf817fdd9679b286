//! A plan for people: what runs in which pass, in how many tasks, over how much state.

use super::sheet;
use isoscope_core::plan::{Plan, SecondFrom, Subject};
use std::fmt::Write as _;

/// Describes a plan.
pub(crate) fn plan(plan: &Plan, digest: &str) -> String {
    let mut text = format!("plan {digest}\nnumerics class {}\n", plan.numerics());
    let mut subjects =
        sheet(&["model", "dataset", "rows", "layers × width", "shards", "tasks a pass", "state of a task"]);
    for subject in &plan.subjects {
        subjects.add_row([
            subject.model_name().to_owned(),
            subject.dataset.name.clone(),
            subject.dataset_facts.rows.to_string(),
            format!("{} × {}", subject.layers.len(), subject.width),
            subject.shards.to_string(),
            subject.blocks().len().to_string(),
            megabytes(state_bytes(plan, subject)),
        ]);
    }
    let mut ops = sheet(&["space", "op", "needs", "measured after pass", "rows in pass"]);
    for op in &plan.ops {
        let stage = |stage: Option<u32>| stage.map_or_else(|| "–".to_owned(), |s| s.to_string());
        ops.add_row([
            plan.spaces[op.space as usize].name.clone(),
            op.op.id.clone(),
            format!("{:?}", op.needs).to_lowercase(),
            stage(op.measured),
            stage(op.pass),
        ]);
    }
    let passes = if plan.stages == 1 { "1 pass".to_owned() } else { format!("{} passes", plan.stages) };
    let _ = write!(text, "{passes} over the data\n{subjects}\n{ops}");
    for left_out in &plan.left_out {
        let columns = left_out.columns.join(", ");
        let _ = write!(text, "\nleft out: {} (no dataset has the columns {columns})", left_out.op);
    }
    text
}

/// Bytes of the moments that one task holds in the first pass: two triangles while a shard is merged into its block.
fn state_bytes(plan: &Plan, subject: &Subject) -> u64 {
    let d = u64::from(subject.width);
    let folded =
        plan.nodes.iter().filter(|node| matches!(node.second, Some(SecondFrom::Pass(_)))).count() as u64;
    2 * 8 * d * d * folded * subject.layers.len() as u64
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
