//! Running a family's layers over a batch, and the checks before it.

use candle_core::{Result, Tensor};

use super::handover::{push, push_empty};
use crate::batch::TokenBatch;
use crate::encoder::{Encoder, HiddenStateSink};
use crate::error::EncoderError;
use crate::facts::CheckpointFacts;
use crate::kernels::Sequences;

/// A family's computation, cut where its hidden states are.
pub(super) trait ForwardPass: Send + Sync {
    /// Returns the number of token types; `None` for a family that has none and pays no heed to them.
    fn types(&self) -> Option<usize>;

    /// Computes layer 0, T×H.
    fn embed(&self, batch: &TokenBatch) -> Result<Tensor>;

    /// Computes a layer, counted from 1, from the one below it; both are T×H.
    fn layer(&self, layer: usize, below: &Tensor, sequences: &Sequences) -> Result<Tensor>;
}

/// A loaded encoder of any family.
pub(super) struct LayeredEncoder<P> {
    facts: CheckpointFacts,
    pass: P,
}

impl<P: ForwardPass> LayeredEncoder<P> {
    /// Joins what is known of a checkpoint with what it computes.
    pub(super) fn new(facts: CheckpointFacts, pass: P) -> Self {
        Self { facts, pass }
    }

    /// Refuses ids without an embedding and sequences without enough positions.
    fn check(&self, batch: &TokenBatch) -> std::result::Result<(), EncoderError> {
        let (vocab, max_positions) = (self.facts.vocab, self.facts.max_positions);
        let types = self.pass.types();
        for sequence in 0..batch.sequences() {
            let range = batch.range(sequence);
            if range.len() > max_positions {
                return Err(EncoderError::SequenceTooLong { sequence, tokens: range.len(), max_positions });
            }
            for (position, row) in range.enumerate() {
                let (id, type_id) = (batch.ids()[row], batch.type_ids()[row]);
                if id as usize >= vocab {
                    return Err(EncoderError::TokenOutOfVocabulary { sequence, position, id, vocab });
                }
                if let Some(types) = types.filter(|&types| type_id as usize >= types) {
                    return Err(EncoderError::TypeOutOfRange { sequence, position, id: type_id, types });
                }
            }
        }
        Ok(())
    }
}

impl<P: ForwardPass> Encoder for LayeredEncoder<P> {
    fn facts(&self) -> &CheckpointFacts {
        &self.facts
    }

    fn encode(
        &self,
        batch: &TokenBatch,
        sink: &mut dyn HiddenStateSink,
    ) -> std::result::Result<(), EncoderError> {
        self.check(batch)?;
        let Some(last) = (0..self.facts.hidden_states).rev().find(|&layer| sink.wants(layer)) else {
            return Ok(());
        };
        if batch.tokens() == 0 {
            return push_empty(self.facts.width, last, sink);
        }
        let sequences = Sequences::new(batch.offsets());
        let mut x = self
            .pass
            .embed(batch)
            .map_err(|source| EncoderError::Compute { step: "embedding tokens", source })?;
        push(0, &x, sink)?;
        for layer in 1..=last {
            x = self
                .pass
                .layer(layer, &x, &sequences)
                .map_err(|source| EncoderError::Compute { step: "applying a transformer layer", source })?;
            push(layer, &x, sink)?;
        }
        Ok(())
    }
}
