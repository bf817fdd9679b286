//! Samples: bounded sets of rows that ops on neighbours and pairs look at all at once.

use super::PlannedOp;
use crate::catalogue::{Needs, OpManifest};
use crate::study::Params;
use crate::violation::Violation;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Rows of a sample when neither the study nor the manifest says.
const DEFAULT_ROWS: u64 = 5000;

/// A sample of the rows of one space; ops that want the same one share it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampleSpec {
    /// Node of the space whose rows are drawn.
    pub node: u32,
    /// Most rows. When there are no more, the sample is the whole.
    pub rows: u64,
    /// What is drawn as one.
    pub together: Together,
    /// Whether rows of both parts of a split are drawn, or those that are measured only.
    pub both_parts: bool,
    /// Whether the two sides of a comparison are drawn.
    pub paired: bool,
    /// Stage of the pass that draws it.
    pub stage: u32,
}

/// Rows that are drawn as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Together {
    /// Each row for itself.
    Row,
    /// All rows of a sentence.
    Sentence,
    /// All rows of a pair of sentences.
    Pair,
}

impl Together {
    /// What an op that reads these columns needs drawn as one.
    fn of(columns: &[String]) -> Self {
        let reads = |name: &str| columns.iter().any(|column| column == name);
        match (reads("sentence"), reads("gold")) {
            (true, true) => Self::Pair,
            (true, false) => Self::Sentence,
            (false, _) => Self::Row,
        }
    }
}

/// Most rows that an op wants in its sample: its parameter `rows`, as written or by default.
pub(super) fn rows(op: &OpManifest, params: &Params, path: &str, found: &mut Vec<Violation>) -> u64 {
    let written = params.get("rows").or_else(|| op.params.pointer("/properties/rows/default"));
    let rows = written.and_then(Value::as_u64).unwrap_or(DEFAULT_ROWS);
    if op.needs == Needs::Sample && rows == 0 {
        found.push(Violation::new(format!("{path}.rows"), "a sample has at least 1 row"));
    }
    rows
}

/// Gives every op that needs one its sample, shared where they agree.
pub(super) fn assign(ops: &mut [PlannedOp]) -> Vec<SampleSpec> {
    let mut samples: Vec<SampleSpec> = Vec::new();
    for op in ops.iter_mut().filter(|op| op.needs == Needs::Sample) {
        let (Some(rows), Some(stage)) = (op.sample_rows, op.pass) else { continue };
        let spec = SampleSpec {
            node: op.node,
            rows,
            together: Together::of(&op.columns),
            both_parts: op.columns.iter().any(|column| column == "split"),
            paired: op.pairing.is_some(),
            stage,
        };
        let known = samples.iter().position(|sample| *sample == spec);
        op.sample = Some(known.unwrap_or(samples.len()) as u32);
        if known.is_none() {
            samples.push(spec);
        }
    }
    samples
}
