//! DeBERTa (He et al. 2021, arXiv 2006.03654).

use std::path::Path;
use std::sync::Arc;

use candle_core::{Result, Tensor};
use serde::Deserialize;

use super::checks::Checks;
use super::deberta_config::DebertaConfig;
use super::deberta_embeddings::DebertaEmbeddings;
use super::disentangled_layer::{DisentangledLayer, RelativePositions};
use super::embeddings::WORDS;
use super::forward_pass::{ForwardPass, LayeredEncoder};
use super::parameters::{Dense, Table, prepare};
use super::post_norm::{AfterAttention, BERT_NAMES};
use super::{Dimensions, Family};
use crate::batch::TokenBatch;
use crate::device::Placement;
use crate::encoder::Encoder;
use crate::error::EncoderError;
use crate::facts::CheckpointFacts;
use crate::files;
use crate::kernels::{DenseTensors, Disentangled, LinearWeights, Sequences};
use crate::weights::{TensorSpec, Weights};

const QUERY_BIAS: &str = "attention.self.q_bias";
const VALUE_BIAS: &str = "attention.self.v_bias";

#[derive(Deserialize)]
struct Switches {
    #[serde(default)]
    talking_head: bool,
}

/// A DeBERTa configuration that was found usable.
struct DebertaFamily(DebertaConfig);

/// Reads `config.json`.
pub(super) fn parse(path: &Path, bytes: &[u8]) -> std::result::Result<Box<dyn Family>, EncoderError> {
    let switches: Switches = files::parse(path, bytes)?;
    Checks::of(path).off(&[("talking_head", switches.talking_head)])?;
    Ok(Box::new(DebertaFamily(DebertaConfig::parse(path, bytes)?)))
}

impl Family for DebertaFamily {
    fn prefixes(&self) -> &'static [&'static str] {
        // A bare encoder has no prefix; one saved with a head on top lies under `deberta.`.
        &["", "deberta."]
    }

    fn anchor(&self) -> &'static str {
        WORDS
    }

    fn dimensions(&self) -> Dimensions {
        let DebertaConfig { layers, width, positions, vocab, .. } = self.0;
        Dimensions { layers, width, max_positions: positions, vocab }
    }

    fn tensors(&self, _: &Weights) -> Box<dyn Iterator<Item = TensorSpec> + '_> {
        let relative = self.relative_positions().map(Table::tensor);
        let layers = (0..self.0.layers).flat_map(|layer| {
            let scope = scope(layer);
            let dense = [Some(self.projection()), self.position_keys(), self.position_queries()];
            let dense = dense.into_iter().flatten().map(|dense| dense.tensors(&scope));
            let dense: Vec<TensorSpec> = dense.flatten().collect();
            let bias = |name| TensorSpec { name: format!("{scope}{name}"), shape: vec![self.0.width] };
            let biases = [QUERY_BIAS, VALUE_BIAS].map(bias);
            let rest = AfterAttention::tensors(&scope, &BERT_NAMES, self.0.form());
            dense.into_iter().chain(biases).chain(rest)
        });
        Box::new(DebertaEmbeddings::tensors(&self.0).chain(relative).chain(layers))
    }

    fn load(
        &self,
        weights: &Weights,
        facts: CheckpointFacts,
        placement: &Placement,
    ) -> std::result::Result<Box<dyn Encoder>, EncoderError> {
        let relative = self.relative_positions();
        let relative = relative.map(|table| RelativePositions::load(table, None, weights, placement));
        let relative = relative.transpose()?;
        let places = self.places();
        let mut layers = Vec::new();
        for layer in 0..self.0.layers {
            let scope = scope(layer);
            let table = |dense: Option<Dense>| {
                relative
                    .as_ref()
                    .zip(dense)
                    .map(|(table, dense)| table.project(dense, weights, &scope))
                    .transpose()
            };
            let attention = Disentangled {
                heads: self.0.heads,
                scale: self.0.scale,
                places: Arc::clone(&places),
                keys: table(self.position_keys())?,
                queries: table(self.position_queries())?,
            };
            let qkv = self.load_projection(weights, &scope, placement)?;
            let rest = AfterAttention::load(weights, &scope, &BERT_NAMES, self.0.form(), placement)?;
            layers.push(DisentangledLayer { qkv, attention, rest });
        }
        let embeddings = DebertaEmbeddings::load(&self.0, weights, placement)?;
        let pass = DebertaPass { types: self.0.types, embeddings, layers };
        Ok(Box::new(LayeredEncoder::new(facts, pass)))
    }
}

impl DebertaFamily {
    /// The embeddings of the distances −span to span − 1.
    fn relative_positions(&self) -> Option<Table> {
        let (rows, width) = (2 * self.0.relative.span, self.0.width);
        let table = Table { name: "encoder.rel_embeddings", rows, width };
        self.0.relative.is_used().then_some(table)
    }

    /// Queries, keys and values of one head after the other, without their biases.
    fn projection(&self) -> Dense {
        let width = self.0.width;
        Dense { name: "attention.self.in_proj", outputs: 3 * width, inputs: width, bias: false }
    }

    fn position_keys(&self) -> Option<Dense> {
        let width = self.0.width;
        let dense = Dense { name: "attention.self.pos_proj", outputs: width, inputs: width, bias: false };
        self.0.relative.content_to_position.then_some(dense)
    }

    fn position_queries(&self) -> Option<Dense> {
        let width = self.0.width;
        let dense = Dense { name: "attention.self.pos_q_proj", outputs: width, inputs: width, bias: true };
        self.0.relative.position_to_content.then_some(dense)
    }

    /// Row of the relative positions for every distance, see [`Disentangled::places`].
    fn places(&self) -> Arc<[u32]> {
        let (last, span) = (self.0.positions as i64 - 1, self.0.relative.span as i64);
        (-last..=last).map(|distance| (span - distance).clamp(0, 2 * span - 1) as u32).collect()
    }

    /// Reads the attention's weights, heads sorted into queries, keys and values; keys have no bias.
    fn load_projection(
        &self,
        weights: &Weights,
        scope: &str,
        placement: &Placement,
    ) -> std::result::Result<LinearWeights, EncoderError> {
        let DebertaConfig { width, heads, .. } = self.0;
        let weight = self.projection().read(weights, scope, placement)?.weight;
        let bias = |name| weights.stored(&format!("{scope}{name}"), placement);
        let (query_bias, value_bias) = (bias(QUERY_BIAS)?, bias(VALUE_BIAS)?);
        let sort = || -> Result<DenseTensors> {
            let by_head = weight.reshape((heads, 3, width / heads, width))?;
            let weight = by_head.transpose(0, 1)?.contiguous()?.reshape((3 * width, width))?;
            let key_bias = Tensor::zeros(width, placement.format, &placement.device)?;
            let bias = Tensor::cat(&[&query_bias, &key_bias, &value_bias], 0)?;
            Ok(DenseTensors { weight, bias: Some(bias) })
        };
        prepare(sort())
    }
}

fn scope(layer: usize) -> String {
    format!("encoder.layer.{layer}.")
}

/// A loaded DeBERTa encoder.
struct DebertaPass {
    types: usize,
    embeddings: DebertaEmbeddings,
    layers: Vec<DisentangledLayer>,
}

impl ForwardPass for DebertaPass {
    fn types(&self) -> Option<usize> {
        Some(self.types).filter(|&types| types > 0)
    }

    fn embed(&self, batch: &TokenBatch) -> Result<Tensor> {
        self.embeddings.forward(batch)
    }

    fn layer(&self, layer: usize, below: &Tensor, sequences: &Sequences) -> Result<Tensor> {
        self.layers[layer - 1].forward(below, sequences)
    }
}
