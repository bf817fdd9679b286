//! What every encoder does, whatever its family.

use ndarray::ArrayView2;

use crate::batch::TokenBatch;
use crate::error::EncoderError;
use crate::facts::CheckpointFacts;
use crate::on_device::DeviceStates;

/// The error of a receiver of hidden states, in whatever type the receiver has.
pub type SinkError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// Receives the hidden states of a batch, layer by layer, while they are computed.
pub trait HiddenStateSink {
    /// Takes the hidden states of one layer; layer 0 is the output of the embeddings.
    ///
    /// `states` is T×H: the rows of all sequences of the batch in order, as [`TokenBatch::range`] divides them. The view ends
    /// with the call.
    ///
    /// # Errors
    /// Any error ends the forward pass and comes back as [`EncoderError::Sink`].
    fn layer(&mut self, layer: usize, states: ArrayView2<'_, f32>) -> Result<(), SinkError>;

    /// Takes the hidden states of one layer where they are, when the encoder runs on a device of its own; says whether it did. States
    /// that it did not take are copied to the host and handed to [`HiddenStateSink::layer`].
    ///
    /// # Errors
    /// As of [`HiddenStateSink::layer`].
    fn layer_on_device(&mut self, layer: usize, states: &DeviceStates<'_>) -> Result<bool, SinkError> {
        let _ = (layer, states);
        Ok(false)
    }

    /// Says whether this layer should be handed over; layers after the last wanted one are not computed.
    fn wants(&self, layer: usize) -> bool {
        let _ = layer;
        true
    }
}

/// Computes hidden states of token sequences.
pub trait Encoder: Send + Sync {
    /// Returns what is known of the checkpoint.
    fn facts(&self) -> &CheckpointFacts;

    /// Runs one forward pass over the batch on the calling thread and pushes every wanted layer into the sink, lowest first.
    ///
    /// A row depends on its own sequence alone. A batch without tokens gives layers of no rows.
    ///
    /// # Errors
    /// A token id or type outside its table, a sequence longer than the model has positions, a failing sink or a failing
    /// tensor operation. Batches are checked before anything is computed.
    fn encode(&self, batch: &TokenBatch, sink: &mut dyn HiddenStateSink) -> Result<(), EncoderError>;
}
