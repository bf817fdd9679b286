//! The embeddings of DeBERTa and DeBERTa v2: words, and absolute positions and types where the checkpoint has them, projected
//! to the width of the layers and normalised.

use candle_core::{Result, Tensor};

use super::deberta_config::DebertaConfig;
use super::embeddings::{FirstPosition, position_rows};
use super::parameters::{Dense, Norm, Table};
use crate::batch::TokenBatch;
use crate::device::Placement;
use crate::error::EncoderError;
use crate::kernels::{LinearWeights, Lookup, NormWeights, embed, layer_norm, linear};
use crate::weights::{TensorSpec, Weights};

/// The embeddings with their weights.
pub(super) struct DebertaEmbeddings {
    words: Tensor,
    positions: Option<Tensor>,
    types: Option<Tensor>,
    projection: Option<LinearWeights>,
    norm: NormWeights,
}

fn words(config: &DebertaConfig) -> Table {
    Table { name: "embeddings.word_embeddings", rows: config.vocab, width: config.embedding }
}

fn positions(config: &DebertaConfig) -> Option<Table> {
    let (name, rows, width) = ("embeddings.position_embeddings", config.positions, config.embedding);
    config.absolute.then_some(Table { name, rows, width })
}

fn types(config: &DebertaConfig) -> Option<Table> {
    let (name, rows, width) = ("embeddings.token_type_embeddings", config.types, config.embedding);
    (rows > 0).then_some(Table { name, rows, width })
}

fn projection(config: &DebertaConfig) -> Option<Dense> {
    let (outputs, inputs) = (config.width, config.embedding);
    (outputs != inputs).then_some(Dense { name: "embeddings.embed_proj", outputs, inputs, bias: false })
}

fn norm(config: &DebertaConfig) -> Norm {
    Norm { name: "embeddings.LayerNorm", width: config.width, shift: true, epsilon: config.epsilon }
}

impl DebertaEmbeddings {
    /// Lists the tensors.
    pub(super) fn tensors(config: &DebertaConfig) -> impl Iterator<Item = TensorSpec> + use<> {
        let tables = [Some(words(config)), positions(config), types(config)];
        let tables = tables.into_iter().flatten().map(Table::tensor);
        tables
            .chain(projection(config).into_iter().flat_map(|dense| dense.tensors("")))
            .chain(norm(config).tensors(""))
    }

    /// Reads the weights.
    pub(super) fn load(
        config: &DebertaConfig,
        weights: &Weights,
        placement: &Placement,
    ) -> std::result::Result<Self, EncoderError> {
        let table = |table: Table| table.load(weights, placement);
        Ok(Self {
            words: table(words(config))?,
            positions: positions(config).map(table).transpose()?,
            types: types(config).map(table).transpose()?,
            projection: projection(config).map(|dense| dense.load(weights, "", placement)).transpose()?,
            norm: norm(config).load(weights, "", placement)?,
        })
    }

    /// Computes layer 0, T×H.
    pub(super) fn forward(&self, batch: &TokenBatch) -> Result<Tensor> {
        let positions = position_rows(batch, FirstPosition::Zero);
        let mut lookups = vec![Lookup { table: &self.words, rows: batch.ids() }];
        lookups.extend(self.positions.as_ref().map(|table| Lookup { table, rows: &positions }));
        lookups.extend(self.types.as_ref().map(|table| Lookup { table, rows: batch.type_ids() }));
        let mut x = embed(&lookups)?;
        if let Some(projection) = &self.projection {
            x = linear(&x, projection)?;
        }
        layer_norm(&x, &self.norm)
    }
}
