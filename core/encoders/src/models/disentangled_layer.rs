//! The transformer layer of DeBERTa and DeBERTa v2: BERT's, with disentangled attention.

use candle_core::{Result, Tensor};

use super::parameters::{Dense, Norm, Table};
use super::post_norm::AfterAttention;
use crate::device::Placement;
use crate::error::EncoderError;
use crate::kernels::{Disentangled, LinearWeights, Sequences, disentangled_attention, layer_norm, linear};
use crate::weights::Weights;

/// One layer with its weights.
pub(super) struct DisentangledLayer {
    /// Queries, keys and values in one product: 3H×H.
    pub(super) qkv: LinearWeights,
    pub(super) attention: Disentangled,
    pub(super) rest: AfterAttention,
}

impl DisentangledLayer {
    /// Computes the next hidden states, T×H, from those of the layer below.
    pub(super) fn forward(&self, x: &Tensor, sequences: &Sequences) -> Result<Tensor> {
        let attended = disentangled_attention(&linear(x, &self.qkv)?, sequences, &self.attention)?;
        self.rest.forward(&attended, x)
    }
}

/// The embeddings of relative positions, P×H. They are the same in every forward pass, and so is what the layers make of them:
/// that is computed once, in f32 whatever the format of the encoder, and rounded then.
pub(super) struct RelativePositions {
    embeddings: Tensor,
    placement: Placement,
}

impl RelativePositions {
    /// Reads the embeddings, and normalises them where a family does.
    pub(super) fn load(
        table: Table,
        norm: Option<Norm>,
        weights: &Weights,
        placement: &Placement,
    ) -> std::result::Result<Self, EncoderError> {
        let mut embeddings = table.load(weights, &placement.in_f32())?;
        if let Some(norm) = norm {
            let failed =
                |source| EncoderError::Compute { step: "normalising the relative positions", source };
            embeddings = layer_norm(&embeddings, &norm.load(weights, "", placement)?).map_err(failed)?;
        }
        Ok(Self { embeddings, placement: placement.clone() })
    }

    /// Projects the embeddings as the layer does whose names start with `scope`.
    pub(super) fn project(
        &self,
        dense: Dense,
        weights: &Weights,
        scope: &str,
    ) -> std::result::Result<Tensor, EncoderError> {
        let dense = dense.load(weights, scope, &self.placement.in_f32())?;
        let failed = |source| EncoderError::Compute { step: "projecting the relative positions", source };
        linear(&self.embeddings, &dense)
            .and_then(|projected| projected.to_dtype(self.placement.format))
            .map_err(failed)
    }
}
