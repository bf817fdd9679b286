//! A merge: neighbouring nodes of the merge tree into their common ancestor, on every layer.

use crate::blobs;
use crate::error::WorkerError;
use crate::pass::fold;
use crate::stage::{LayerStage, NodeState};
use crate::tasks::{Context, Planned};
use isoscope_core::task::{BlobRef, Merge, Output};

/// Merges the children of a node and stores the state of each layer.
///
/// # Errors
/// When a state cannot be read, or states do not belong together.
pub fn run(context: &Context<'_>, merge: &Merge) -> Result<Output, WorkerError> {
    let planned = Planned::fetch(context, &merge.plan, merge.subject)?;
    let stages = planned.layer_stages(context, merge.stage, &merge.broadcasts)?;
    let mut layers = Vec::new();
    for (stage, children) in stages.iter().zip(&merge.layers) {
        let state = fold(stage, fetch(context, stage, children)?)?;
        layers.push(blobs::put(context.blobs, "layer state", &state.to_layer_state()?)?);
        context.check_revoked()?;
    }
    Ok(Output::Node { layers, tally: String::new() })
}

/// Fetches and decodes states.
///
/// # Errors
/// When one cannot be had or read.
pub fn fetch(
    context: &Context<'_>,
    stage: &LayerStage,
    nodes: &[BlobRef],
) -> Result<Vec<NodeState>, WorkerError> {
    let read = |blob| NodeState::from_layer_state(stage, blobs::get(context.blobs, "layer state", blob)?);
    nodes.iter().map(read).collect()
}
