//! A merge: neighbouring nodes of the merge tree into their common ancestor, on every layer.

use crate::blobs;
use crate::error::WorkerError;
use crate::stage::{LayerStage, NodeState};
use crate::tasks::{Context, Planned};
use isoscope_core::task::{BlobRef, Merge, Output};
use isoscope_core::tree::Growing;

/// Merges the children of a node and stores the state of each layer.
///
/// # Errors
/// When a state cannot be read, or states do not belong together.
pub fn run(context: &Context<'_>, merge: &Merge) -> Result<Output, WorkerError> {
    let planned = Planned::fetch(context, &merge.plan, merge.subject)?;
    let stages = planned.layer_stages(context, merge.stage, &merge.slots, &merge.broadcasts)?;
    let mut layers = Vec::new();
    for (stage, children) in stages.iter().zip(&merge.layers) {
        let state = fold_fetched(context, stage, children, |_| Ok(()))?;
        layers.push(blobs::put(context.blobs, "layer state", &state.to_layer_state()?)?);
        context.check_revoked()?;
    }
    Ok(Output::Node { layers, tally: String::new() })
}

/// Fetches states one after the other and merges them in the order of the tree; `see` looks at each before it is merged.
///
/// # Errors
/// When one cannot be had or read, they do not belong together, or there is none.
pub fn fold_fetched(
    context: &Context<'_>,
    stage: &LayerStage,
    nodes: &[BlobRef],
    mut see: impl FnMut(&NodeState) -> Result<(), WorkerError>,
) -> Result<NodeState, WorkerError> {
    let mut merged = Growing::default();
    for node in nodes {
        let state = NodeState::from_layer_state(stage, blobs::get(context.blobs, "layer state", node)?)?;
        see(&state)?;
        merged.push(state, |left, right| stage.merge(left, right))?;
        context.progress();
    }
    let merged = merged.finish(|left, right| stage.merge(left, right))?;
    merged.ok_or_else(|| WorkerError::task("nothing to merge"))
}
