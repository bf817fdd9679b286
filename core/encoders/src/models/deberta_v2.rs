//! DeBERTa v2 and v3 (He, Gao & Chen 2023, arXiv 2111.09543).

use std::path::Path;
use std::sync::Arc;

use candle_core::{Result, Tensor};
use serde::Deserialize;

use super::checks::Checks;
use super::conv_layer::{ConvForm, ConvLayer};
use super::deberta_config::DebertaConfig;
use super::deberta_embeddings::DebertaEmbeddings;
use super::disentangled_layer::{DisentangledLayer, RelativePositions};
use super::embeddings::WORDS;
use super::forward_pass::{ForwardPass, LayeredEncoder};
use super::parameters::{Dense, Norm, Table, load_stacked};
use super::post_norm::{AfterAttention, BERT_NAMES};
use super::relative_buckets::Buckets;
use super::{Dimensions, Family};
use crate::batch::TokenBatch;
use crate::device::Placement;
use crate::encoder::Encoder;
use crate::error::EncoderError;
use crate::facts::CheckpointFacts;
use crate::files;
use crate::kernels::{Disentangled, Sequences};
use crate::weights::{TensorSpec, Weights};

const QUERY: &str = "attention.self.query_proj";
const KEY: &str = "attention.self.key_proj";
const VALUE: &str = "attention.self.value_proj";

/// What version 2 adds to the configuration.
#[derive(Deserialize)]
struct Additions {
    #[serde(default)]
    share_att_key: bool,
    position_buckets: Option<i64>,
    norm_rel_ebd: Option<String>,
    attention_head_size: Option<usize>,
    #[serde(default)]
    conv_kernel_size: usize,
    conv_groups: Option<usize>,
    conv_act: Option<String>,
}

/// A DeBERTa v2 configuration that was found usable.
struct DebertaV2Family {
    config: DebertaConfig,
    /// Whether positions are projected by the weights of the content.
    shared: bool,
    buckets: Option<Buckets>,
    /// Whether the embeddings of relative positions are normalised.
    normalised: bool,
    conv: Option<ConvForm>,
}

/// Reads `config.json`.
pub(super) fn parse(path: &Path, bytes: &[u8]) -> std::result::Result<Box<dyn Family>, EncoderError> {
    let config = DebertaConfig::parse(path, bytes)?;
    let added: Additions = files::parse(path, bytes)?;
    let checks = Checks::of(path);
    let head_width = config.width / config.heads;
    checks.same_head_width("attention_head_size", added.attention_head_size, head_width)?;
    let mut normalised = false;
    for part in added.norm_rel_ebd.as_deref().unwrap_or("none").to_lowercase().split('|') {
        match part.trim() {
            "layer_norm" => normalised = true,
            "none" => {}
            other => {
                let reason = format!("names `{other}`; only none and layer_norm are supported");
                return checks.refuse("norm_rel_ebd", reason);
            }
        }
    }
    let count = added.position_buckets.filter(|_| config.relative.is_used());
    let buckets = buckets(checks, count, config.relative.span)?;
    let conv = conv(checks, &added, &config)?;
    Ok(Box::new(DebertaV2Family { config, shared: added.share_att_key, buckets, normalised, conv }))
}

impl Family for DebertaV2Family {
    fn prefixes(&self) -> &'static [&'static str] {
        // A bare encoder has no prefix; one saved with a head on top lies under `deberta.`.
        &["", "deberta."]
    }

    fn anchor(&self) -> &'static str {
        WORDS
    }

    fn dimensions(&self) -> Dimensions {
        let DebertaConfig { layers, width, positions, vocab, .. } = self.config;
        Dimensions { layers, width, max_positions: positions, vocab }
    }

    fn tensors(&self, _: &Weights) -> Box<dyn Iterator<Item = TensorSpec> + '_> {
        let relative = self.relative_positions().map(Table::tensor);
        let norm = self.relative_norm().into_iter().flat_map(|norm| norm.tensors(""));
        let conv = self.conv.into_iter().flat_map(ConvForm::tensors);
        let layers = (0..self.config.layers).flat_map(|layer| {
            let scope = scope(layer);
            let mut dense = self.content().to_vec();
            if !self.shared {
                dense.extend(self.position_keys().into_iter().chain(self.position_queries()));
            }
            let dense: Vec<TensorSpec> = dense.into_iter().flat_map(|dense| dense.tensors(&scope)).collect();
            dense.into_iter().chain(AfterAttention::tensors(&scope, &BERT_NAMES, self.config.form()))
        });
        let around = DebertaEmbeddings::tensors(&self.config).chain(relative).chain(norm).chain(conv);
        Box::new(around.chain(layers))
    }

    fn load(
        &self,
        weights: &Weights,
        facts: CheckpointFacts,
        placement: &Placement,
    ) -> std::result::Result<Box<dyn Encoder>, EncoderError> {
        let (relative, norm) = (self.relative_positions(), self.relative_norm());
        let relative = relative.map(|table| RelativePositions::load(table, norm, weights, placement));
        let relative = relative.transpose()?;
        let places = self.places();
        let mut layers = Vec::new();
        for layer in 0..self.config.layers {
            let scope = scope(layer);
            let table = |dense: Option<Dense>| {
                relative
                    .as_ref()
                    .zip(dense)
                    .map(|(table, dense)| table.project(dense, weights, &scope))
                    .transpose()
            };
            let attention = Disentangled {
                heads: self.config.heads,
                scale: self.config.scale,
                places: Arc::clone(&places),
                keys: table(self.position_keys())?,
                queries: table(self.position_queries())?,
            };
            let qkv = load_stacked(&self.content(), weights, &scope, placement)?;
            let rest = AfterAttention::load(weights, &scope, &BERT_NAMES, self.config.form(), placement)?;
            layers.push(DisentangledLayer { qkv, attention, rest });
        }
        let embeddings = DebertaEmbeddings::load(&self.config, weights, placement)?;
        let conv = self.conv.map(|form| ConvLayer::load(form, weights, placement)).transpose()?;
        let pass = DebertaV2Pass { types: self.config.types, embeddings, conv, layers };
        Ok(Box::new(LayeredEncoder::new(facts, pass)))
    }
}

impl DebertaV2Family {
    /// Half the number of relative positions that have an embedding.
    fn span(&self) -> usize {
        self.buckets.map_or(self.config.relative.span, |buckets| buckets.count)
    }

    /// The embeddings of the relative positions −span to span − 1.
    fn relative_positions(&self) -> Option<Table> {
        let (rows, width) = (2 * self.span(), self.config.width);
        let table = Table { name: "encoder.rel_embeddings", rows, width };
        self.config.relative.is_used().then_some(table)
    }

    fn relative_norm(&self) -> Option<Norm> {
        let DebertaConfig { width, epsilon, .. } = self.config;
        let norm = Norm { name: "encoder.LayerNorm", width, shift: true, epsilon };
        (self.normalised && self.config.relative.is_used()).then_some(norm)
    }

    /// Queries, keys and values.
    fn content(&self) -> [Dense; 3] {
        [QUERY, KEY, VALUE].map(|name| self.dense(name))
    }

    /// What makes a key of a relative position.
    fn position_keys(&self) -> Option<Dense> {
        let name = if self.shared { KEY } else { "attention.self.pos_key_proj" };
        self.config.relative.content_to_position.then(|| self.dense(name))
    }

    /// What makes a query of a relative position.
    fn position_queries(&self) -> Option<Dense> {
        let name = if self.shared { QUERY } else { "attention.self.pos_query_proj" };
        self.config.relative.position_to_content.then(|| self.dense(name))
    }

    fn dense(&self, name: &'static str) -> Dense {
        Dense { name, outputs: self.config.width, inputs: self.config.width, bias: true }
    }

    /// Row of the relative positions for every distance, see [`Disentangled::places`].
    fn places(&self) -> Arc<[u32]> {
        let (last, span) = (self.config.positions as i64 - 1, self.span() as i64);
        let bucket = |distance| self.buckets.map_or(distance, |buckets| buckets.bucket(distance));
        (-last..=last).map(|distance| (span + bucket(-distance)).clamp(0, 2 * span - 1) as u32).collect()
    }
}

/// Checks the buckets of relative positions; 0 or less stands for none.
fn buckets(
    checks: Checks<'_>,
    count: Option<i64>,
    span: usize,
) -> std::result::Result<Option<Buckets>, EncoderError> {
    let Some(count) = count.filter(|&count| count > 0) else {
        return Ok(None);
    };
    let count = checks.positions("position_buckets", count as usize)?;
    if count < 2 {
        return checks.refuse("position_buckets", "is 1; half of the buckets are for near distances");
    }
    if span <= count / 2 + 1 {
        let reason = format!("spans {span} positions, too few for {count} position_buckets to share");
        return checks.refuse("max_relative_positions", reason);
    }
    Ok(Some(Buckets { count, span }))
}

/// Checks the convolution; a kernel of size 0 stands for none.
fn conv(
    checks: Checks<'_>,
    added: &Additions,
    config: &DebertaConfig,
) -> std::result::Result<Option<ConvForm>, EncoderError> {
    let size = added.conv_kernel_size;
    if size == 0 {
        return Ok(None);
    }
    if size.is_multiple_of(2) {
        return checks.refuse("conv_kernel_size", format!("is {size}; an even kernel has no middle"));
    }
    if let Some(groups) = added.conv_groups.filter(|&groups| groups != 1) {
        return checks.refuse("conv_groups", format!("is {groups}; only 1 is supported"));
    }
    let activation = checks.activation("conv_act", added.conv_act.as_deref().unwrap_or("tanh"))?;
    let DebertaConfig { width, epsilon, .. } = *config;
    Ok(Some(ConvForm { width, size, activation, epsilon }))
}

fn scope(layer: usize) -> String {
    format!("encoder.layer.{layer}.")
}

/// A loaded DeBERTa v2 encoder.
struct DebertaV2Pass {
    types: usize,
    embeddings: DebertaEmbeddings,
    conv: Option<ConvLayer>,
    layers: Vec<DisentangledLayer>,
}

impl ForwardPass for DebertaV2Pass {
    fn types(&self) -> Option<usize> {
        Some(self.types).filter(|&types| types > 0)
    }

    fn embed(&self, batch: &TokenBatch) -> Result<Tensor> {
        self.embeddings.forward(batch)
    }

    fn layer(&self, layer: usize, below: &Tensor, sequences: &Sequences) -> Result<Tensor> {
        let states = self.layers[layer - 1].forward(below, sequences)?;
        match &self.conv {
            Some(conv) if layer == 1 => conv.forward(below, &states, sequences),
            _ => Ok(states),
        }
    }
}
