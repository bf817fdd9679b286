//! The sum of word, position and type embeddings.

use candle_core::{CpuStorage, CustomOp3, Layout, Result, Shape, Tensor, bail};

use super::slice;
use crate::batch::TokenBatch;

/// Adds up the embeddings of every token: word, then type, then position; the result is T×H.
///
/// The tables are vocabulary×H, positions×H and types×H; positions count from 0 within every sequence.
pub(crate) fn embed(
    words: &Tensor,
    positions: &Tensor,
    types: &Tensor,
    batch: &TokenBatch,
) -> Result<Tensor> {
    words.apply_op3_no_bwd(positions, types, &Embedding { batch })
}

struct Embedding<'a> {
    batch: &'a TokenBatch,
}

impl CustomOp3 for Embedding<'_> {
    fn name(&self) -> &'static str {
        "embedding"
    }

    fn cpu_fwd(
        &self,
        words: &CpuStorage,
        words_layout: &Layout,
        positions: &CpuStorage,
        positions_layout: &Layout,
        types: &CpuStorage,
        types_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (_, width) = words_layout.shape().dims2()?;
        if positions_layout.shape().dims2()?.1 != width || types_layout.shape().dims2()?.1 != width {
            bail!("embedding needs tables of one width");
        }
        let words = slice(self.name(), words, words_layout)?;
        let positions = slice(self.name(), positions, positions_layout)?;
        let types = slice(self.name(), types, types_layout)?;
        let mut y = Vec::with_capacity(self.batch.tokens() * width);
        for sequence in 0..self.batch.sequences() {
            for (position, token) in self.batch.range(sequence).enumerate() {
                let word = row(words, self.batch.ids()[token] as usize, width)?;
                let kind = row(types, self.batch.type_ids()[token] as usize, width)?;
                let place = row(positions, position, width)?;
                y.extend(word.iter().zip(kind).zip(place).map(|((word, kind), place)| word + kind + place));
            }
        }
        Ok((CpuStorage::F32(y), Shape::from((self.batch.tokens(), width))))
    }
}

fn row(table: &[f32], index: usize, width: usize) -> Result<&[f32]> {
    match table.chunks_exact(width).nth(index) {
        Some(row) => Ok(row),
        None => bail!("embedding row {index} is outside a table of {}", table.len() / width),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use candle_core::Device;

    use super::*;

    fn table(rows: usize, scale: f32) -> Tensor {
        let values: Vec<f32> = (0..rows * 2).map(|i| i as f32 * scale).collect();
        Tensor::from_vec(values, (rows, 2), &Device::Cpu).unwrap()
    }

    #[test]
    fn positions_start_again_with_every_sequence() {
        let mut batch = TokenBatch::new();
        batch.push(&[3, 1]);
        batch.push_pair(&[], &[2]);
        let y = embed(&table(4, 1.0), &table(2, 100.0), &table(2, 1000.0), &batch).unwrap();
        assert_eq!(y.to_vec2::<f32>().unwrap(), [[6.0, 1107.0], [202.0, 1303.0], [2004.0, 3105.0]]);
    }

    #[test]
    fn a_row_outside_its_table_is_an_error() {
        let mut batch = TokenBatch::new();
        batch.push(&[4]);
        assert!(embed(&table(4, 1.0), &table(2, 1.0), &table(1, 1.0), &batch).is_err());
    }
}
