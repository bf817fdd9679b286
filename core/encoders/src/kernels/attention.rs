//! Softmax self-attention over packed sequences: every sequence sees its own rows only, so no mask exists.

use std::ops::Range;
use std::sync::Arc;

use candle_core::{CpuStorage, CustomOp1, Error, Layout, Result, Shape, Tensor, bail};
use multiversion::multiversion;
use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayBase, ArrayView2, ArrayViewMut2, Axis, Ix2, RawData, Slice};

use super::elementary::exp_of_negative;
use super::slice;

/// Where the sequences of a packed batch begin and end: cumulative row counts, from 0 to T.
#[derive(Clone, Debug)]
pub(crate) struct Sequences(Arc<[usize]>);

impl Sequences {
    /// Takes cumulative offsets: the first is 0, none is smaller than the one before.
    pub(crate) fn new(offsets: &[usize]) -> Self {
        Self(offsets.into())
    }
}

/// Computes softmax(Q·Kᵀ/√(H/heads))·V for every head of every sequence.
///
/// `qkv` is T×3H, the queries, keys and values side by side, the heads of each side by side; the result is T×H.
pub(crate) fn self_attention(qkv: &Tensor, sequences: &Sequences, heads: usize) -> Result<Tensor> {
    qkv.apply_op1_no_bwd(&SelfAttention { sequences: sequences.clone(), heads })
}

struct SelfAttention {
    sequences: Sequences,
    heads: usize,
}

/// Scores held at a time: 256 KiB, so that a block stays in the second-level cache whatever the length of the sequence.
const BLOCK: usize = 1 << 16;

impl CustomOp1 for SelfAttention {
    fn name(&self) -> &'static str {
        "self_attention"
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let (rows, width3) = layout.shape().dims2()?;
        let width = width3 / 3;
        if width * 3 != width3 || self.heads == 0 || width % self.heads != 0 {
            bail!(
                "self_attention cannot split rows of {width3} into queries, keys and values of {} heads",
                self.heads
            );
        }
        if self.sequences.0.last().is_some_and(|&end| end != rows) {
            bail!("self_attention got {rows} rows for sequences that end at {:?}", self.sequences.0.last());
        }
        let qkv = slice(self.name(), storage, layout)?;
        let qkv = ArrayView2::from_shape((rows, width3), qkv).map_err(Error::wrap)?;
        let mut y = vec![0.0_f32; rows * width];
        let mut out = ArrayViewMut2::from_shape((rows, width), &mut y).map_err(Error::wrap)?;
        let mut scratch = Vec::new();
        for bounds in self.sequences.0.windows(2) {
            let range = bounds[0]..bounds[1];
            let qkv = cut(qkv, range.clone(), 0..width3);
            attend(&qkv, cut(out.view_mut(), range, 0..width), self.heads, &mut scratch)?;
        }
        Ok((CpuStorage::F32(y), Shape::from((rows, width))))
    }
}

/// Attends within one sequence of n tokens: `qkv` is n×3H, `out` n×H.
fn attend(
    qkv: &ArrayView2<'_, f32>,
    mut out: ArrayViewMut2<'_, f32>,
    heads: usize,
    scratch: &mut Vec<f32>,
) -> Result<()> {
    let (tokens, width) = out.dim();
    if tokens == 0 {
        return Ok(());
    }
    let depth = width / heads;
    let scale = 1.0 / (depth as f32).sqrt();
    let block = (BLOCK / tokens).clamp(1, tokens);
    scratch.resize(scratch.len().max(block * tokens), 0.0);
    for head in 0..heads {
        let columns = |part: usize| part * width + head * depth..part * width + (head + 1) * depth;
        let keys = cut(*qkv, 0..tokens, columns(1));
        let values = cut(*qkv, 0..tokens, columns(2));
        for start in (0..tokens).step_by(block) {
            let rows = start..(start + block).min(tokens);
            let queries = cut(*qkv, rows.clone(), columns(0));
            let scores = &mut scratch[..rows.len() * tokens];
            let mut view =
                ArrayViewMut2::from_shape((rows.len(), tokens), &mut *scores).map_err(Error::wrap)?;
            general_mat_mul(scale, &queries, &keys.t(), 0.0, &mut view);
            softmax_rows(scores, tokens);
            let weights = ArrayView2::from_shape((rows.len(), tokens), &*scores).map_err(Error::wrap)?;
            let mut block_out = cut(out.view_mut(), rows, columns(0));
            general_mat_mul(1.0, &weights, &values, 0.0, &mut block_out);
        }
    }
    Ok(())
}

/// Returns some rows and columns of a matrix view.
fn cut<S: RawData>(
    mut matrix: ArrayBase<S, Ix2>,
    rows: Range<usize>,
    columns: Range<usize>,
) -> ArrayBase<S, Ix2> {
    matrix.slice_axis_inplace(Axis(0), Slice::from(rows));
    matrix.slice_axis_inplace(Axis(1), Slice::from(columns));
    matrix
}

/// Partial results kept side by side: fixed, so that the order of a sum does not depend on the instruction set.
const LANES: usize = 16;

/// Replaces every row of `width` scores by its softmax, shifted by its maximum so that nothing overflows.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn softmax_rows(rows: &mut [f32], width: usize) {
    for row in rows.chunks_exact_mut(width) {
        let mut lanes = [f32::NEG_INFINITY; LANES];
        for chunk in row.chunks(LANES) {
            for (lane, &v) in lanes.iter_mut().zip(chunk) {
                *lane = if v > *lane { v } else { *lane };
            }
        }
        let max = lanes.iter().fold(f32::NEG_INFINITY, |m, &v| if v > m { v } else { m });
        for v in row.iter_mut() {
            *v = exp_of_negative(*v - max);
        }
        let mut sums = [0.0_f32; LANES];
        for chunk in row.chunks(LANES) {
            for (lane, &v) in sums.iter_mut().zip(chunk) {
                *lane += v;
            }
        }
        let inverse = (1.0 / sums.iter().map(|&v| f64::from(v)).sum::<f64>()) as f32;
        for v in row.iter_mut() {
            *v *= inverse;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use candle_core::Device;

    use super::*;

    fn ramp(count: usize) -> Vec<f32> {
        (0..count).map(|i| 2.0 * (i as f32 * 0.731).sin()).collect()
    }

    /// One head's output in f64, straight from the definition.
    fn reference(
        qkv: &[f32],
        width: usize,
        heads: usize,
        range: Range<usize>,
        row: usize,
        column: usize,
    ) -> f64 {
        let depth = width / heads;
        let head = column / depth;
        let at = |r: usize, c: usize| f64::from(qkv[r * 3 * width + c]);
        let score = |j: usize| {
            let dot: f64 =
                (0..depth).map(|d| at(row, head * depth + d) * at(j, width + head * depth + d)).sum();
            (dot / (depth as f64).sqrt()).exp()
        };
        let total: f64 = range.clone().map(score).sum();
        range.map(|j| score(j) / total * at(j, 2 * width + column)).sum()
    }

    #[test]
    fn every_sequence_attends_to_its_own_rows_only() {
        let (width, heads, offsets) = (24, 3, [0, 1, 1, 20, 33]);
        let qkv = ramp(33 * 3 * width);
        let tensor = Tensor::from_slice(&qkv, (33, 3 * width), &Device::Cpu).unwrap();
        let out =
            self_attention(&tensor, &Sequences::new(&offsets), heads).unwrap().to_vec2::<f32>().unwrap();
        for bounds in offsets.windows(2) {
            let range = bounds[0]..bounds[1];
            for (row, values) in out.iter().enumerate().take(range.end).skip(range.start) {
                for (column, value) in values.iter().enumerate() {
                    let expected = reference(&qkv, width, heads, range.clone(), row, column);
                    assert!((f64::from(*value) - expected).abs() < 2e-6, "row {row}, column {column}");
                }
            }
        }
    }

    #[test]
    fn long_sequences_are_cut_into_blocks_without_a_trace() {
        let (width, heads, tokens) = (8, 1, 300);
        let qkv = ramp(tokens * 3 * width);
        let tensor = Tensor::from_slice(&qkv, (tokens, 3 * width), &Device::Cpu).unwrap();
        let out =
            self_attention(&tensor, &Sequences::new(&[0, tokens]), heads).unwrap().to_vec2::<f32>().unwrap();
        assert!(BLOCK / tokens < tokens, "the test must cross a block's edge");
        for row in [0, BLOCK / tokens - 1, BLOCK / tokens, tokens - 1] {
            let expected = reference(&qkv, width, heads, 0..tokens, row, 5);
            assert!((f64::from(out[row][5]) - expected).abs() < 2e-6, "row {row}");
        }
    }

    #[test]
    fn softmax_of_huge_scores_stays_finite() {
        let mut row = [1e30_f32, 1e30, -1e30];
        softmax_rows(&mut row, 3);
        assert!((row[0] - 0.5).abs() < 1e-6 && (row[1] - 0.5).abs() < 1e-6 && row[2] < 1e-30, "{row:?}");
    }

    #[test]
    fn rows_that_no_sequence_covers_are_refused() {
        let tensor = Tensor::from_slice(&ramp(4 * 24), (4, 24), &Device::Cpu).unwrap();
        assert!(self_attention(&tensor, &Sequences::new(&[0, 3]), 2).is_err());
    }
}
