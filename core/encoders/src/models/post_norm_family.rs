//! What a family is that puts layers of BERT's kind, one after the other, on embeddings of BERT's kind.

use candle_core::{Result, Tensor};

use super::distance::{Buckets, bias_tensor, load_distance_bias};
use super::embeddings::{EmbeddingForm, Embeddings, WORDS};
use super::forward_pass::{ForwardPass, LayeredEncoder};
use super::parameters::Dense;
use super::post_norm::{LayerForm, LayerNames, PostNormLayer};
use super::{Dimensions, Family};
use crate::batch::TokenBatch;
use crate::device::Placement;
use crate::encoder::Encoder;
use crate::error::EncoderError;
use crate::facts::CheckpointFacts;
use crate::kernels::{Attention, LinearWeights, Sequences, linear};
use crate::weights::{TensorSpec, Weights};

/// The description of such a family, its configuration found usable.
pub(super) struct PostNormFamily {
    /// Where the encoder's tensors may lie, the likeliest first.
    pub(super) prefixes: &'static [&'static str],
    pub(super) embeddings: EmbeddingForm,
    /// The dense layer from the width of the embeddings to that of the layers, where there is one.
    pub(super) projection: Option<&'static str>,
    /// The names of the layers, up to their number.
    pub(super) stack: &'static str,
    pub(super) names: &'static LayerNames,
    pub(super) layers: usize,
    pub(super) form: LayerForm,
    /// A table of biases by distance that all layers share, where there is one.
    pub(super) distance: Option<DistanceTable>,
}

/// A table of biases by distance.
pub(super) struct DistanceTable {
    pub(super) name: &'static str,
    /// Rows of the table, of which the buckets use the first.
    pub(super) rows: usize,
    pub(super) buckets: Buckets,
}

impl PostNormFamily {
    fn scope(&self, layer: usize) -> String {
        format!("{}{layer}.", self.stack)
    }

    fn projection(&self) -> Option<Dense> {
        let (outputs, inputs) = (self.form.width, self.embeddings.width);
        self.projection.map(|name| Dense { name, outputs, inputs, bias: true })
    }
}

impl Family for PostNormFamily {
    fn prefixes(&self) -> &'static [&'static str] {
        self.prefixes
    }

    fn anchor(&self) -> &'static str {
        WORDS
    }

    fn dimensions(&self) -> Dimensions {
        Dimensions {
            layers: self.layers,
            width: self.form.width,
            max_positions: self.embeddings.max_positions(),
            vocab: self.embeddings.vocab,
        }
    }

    fn tensors(&self, _: &Weights) -> Box<dyn Iterator<Item = TensorSpec> + '_> {
        let projection = self.projection().map(|dense| dense.tensors(""));
        let distance =
            self.distance.as_ref().map(|table| bias_tensor(table.name, table.rows, self.form.heads));
        let layers = (0..self.layers)
            .flat_map(|layer| PostNormLayer::tensors(&self.scope(layer), self.names, self.form));
        Box::new(
            self.embeddings.tensors().chain(projection.into_iter().flatten()).chain(distance).chain(layers),
        )
    }

    fn load(
        &self,
        weights: &Weights,
        facts: CheckpointFacts,
        placement: &Placement,
    ) -> std::result::Result<Box<dyn Encoder>, EncoderError> {
        let mut layers = Vec::new();
        for layer in 0..self.layers {
            layers.push(PostNormLayer::load(weights, &self.scope(layer), self.names, self.form, placement)?);
        }
        let mut attention = Attention::plain(self.form.heads, self.form.width);
        if let Some(table) = &self.distance {
            let reach = self.embeddings.max_positions();
            attention.distance_bias =
                Some(load_distance_bias(weights, table.name, table.buckets, reach, placement)?);
        }
        let projection = self.projection().map(|dense| dense.load(weights, "", placement));
        let pass = PostNormPass {
            types: self.embeddings.types,
            embeddings: Embeddings::load(weights, &self.embeddings, placement)?,
            projection: projection.transpose()?,
            layers,
            attention,
        };
        Ok(Box::new(LayeredEncoder::new(facts, pass)))
    }
}

/// The loaded weights, in the order of their use.
struct PostNormPass {
    types: Option<usize>,
    embeddings: Embeddings,
    projection: Option<LinearWeights>,
    layers: Vec<PostNormLayer>,
    attention: Attention,
}

impl ForwardPass for PostNormPass {
    fn types(&self) -> Option<usize> {
        self.types
    }

    fn embed(&self, batch: &TokenBatch) -> Result<Tensor> {
        let x = self.embeddings.forward(batch)?;
        match &self.projection {
            Some(projection) => linear(&x, projection),
            None => Ok(x),
        }
    }

    fn layer(&self, layer: usize, below: &Tensor, sequences: &Sequences) -> Result<Tensor> {
        self.layers[layer - 1].forward(below, sequences, &self.attention)
    }
}
