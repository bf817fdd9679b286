//! Rows of an encoder run over text.

mod packer;
#[cfg(test)]
mod tests;
mod words;

pub(crate) use packer::{Batch, Packer, Packing};

use super::{RowSink, Sources};
use crate::error::WorkerError;
use crate::models::Loaded;
use isoscope_core::result::Tally;
use isoscope_encoders::{DeviceStates, Encoder, HiddenStateSink, SinkError};
use ndarray::{Array2, ArrayView2, Axis};

pub(super) fn shard(
    sources: &Sources<'_>,
    shard: u64,
    loaded: &Loaded,
    sink: &mut dyn RowSink,
) -> Result<Tally, WorkerError> {
    let (plan, subject, tokenizer) = (sources.plan, sources.subject, &loaded.tokenizer);
    let budget = plan.batch_tokens() as usize;
    let packing = Packing { study: &plan.study, budget, subject, base: sources.base, tokenizer };
    let mut packer = Packer::new(packing, shard)?;
    let mut split_batches = 0;
    while let Some(batch) = packer.next()? {
        split_batches += forward(loaded.encoder.as_ref(), &batch, &subject.layers, sink)?;
    }
    Ok(Tally { split_batches, ..packer.tally() })
}

/// Runs a forward pass and hands the rows of each of `layers` (ascending) that the token policy keeps to `sink`. A pass that does not
/// fit into the memory of its device is halved, as often as it takes; returns how often.
///
/// # Errors
/// When the encoder refuses the batch, the sink fails, or not even a single sequence fits.
pub(crate) fn forward(
    encoder: &dyn Encoder,
    batch: &Batch,
    layers: &[u32],
    sink: &mut dyn RowSink,
) -> Result<u64, WorkerError> {
    resume(encoder, batch, layers, 0, sink)
}

/// Runs a forward pass whose rows of the first `delivered` layers have been handed over already.
fn resume(
    encoder: &dyn Encoder,
    batch: &Batch,
    layers: &[u32],
    delivered: usize,
    sink: &mut dyn RowSink,
) -> Result<u64, WorkerError> {
    let kept = batch.kept.iter().map(|&place| place as u32).collect();
    let mut keeper = Keeper { layers, batch, kept, delivered, sink, failed: None };
    let done = encoder.encode(&batch.tokens, &mut keeper);
    let delivered = keeper.delivered;
    match (keeper.failed, done) {
        (Some(error), _) => Err(error),
        (None, Ok(())) => Ok(0),
        (None, Err(source)) if source.is_out_of_memory() && batch.tokens.sequences() > 1 => {
            let (first, second) = batch.halves();
            tracing::warn!(
                tokens = batch.tokens.tokens(),
                "the memory of the device is full: halving the batch"
            );
            let splits = resume(encoder, &first, layers, delivered, sink)?;
            Ok(1 + splits + resume(encoder, &second, layers, delivered, sink)?)
        }
        (None, Err(source)) => Err(WorkerError::Encoder { field: String::new(), source }),
    }
}

/// Takes hidden states as the encoder pushes them, and passes on the rows that the token policy keeps.
struct Keeper<'a, 's> {
    layers: &'a [u32],
    batch: &'a Batch,
    /// Places of the rows that are kept.
    kept: Vec<u32>,
    /// How many of the layers have been handed over.
    delivered: usize,
    sink: &'s mut dyn RowSink,
    failed: Option<WorkerError>,
}

impl Keeper<'_, '_> {
    /// The place of a layer among those that are wanted.
    fn place(&self, layer: usize) -> Option<usize> {
        self.layers.iter().position(|&wanted| wanted as usize == layer)
    }

    fn note<T>(&mut self, handed: Result<T, WorkerError>) -> Result<T, SinkError> {
        handed.map_err(|error| {
            let message = error.to_string();
            self.failed = Some(error);
            message.into()
        })
    }
}

impl HiddenStateSink for Keeper<'_, '_> {
    fn wants(&self, layer: usize) -> bool {
        self.place(layer).is_some_and(|place| place >= self.delivered)
    }

    fn layer(&mut self, layer: usize, states: ArrayView2<'_, f32>) -> Result<(), SinkError> {
        let Some(place) = self.place(layer) else { return Ok(()) };
        let rows: Array2<f32> = states.select(Axis(0), &self.batch.kept);
        let handed = self.sink.rows(place, rows.view(), &self.batch.columns);
        self.note(handed)?;
        self.delivered = place + 1;
        Ok(())
    }

    fn layer_on_device(&mut self, layer: usize, states: &DeviceStates<'_>) -> Result<bool, SinkError> {
        let Some(place) = self.place(layer) else { return Ok(true) };
        let handed = self.sink.device_rows(place, states, &self.kept);
        let taken = self.note(handed)?;
        if taken {
            self.delivered = place + 1;
        }
        Ok(taken)
    }
}
