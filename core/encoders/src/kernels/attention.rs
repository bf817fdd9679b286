//! Softmax self-attention over packed sequences: every sequence sees its own rows only, so no mask exists.

use std::ops::Range;
use std::sync::Arc;

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor, bail};
use multiversion::multiversion;
use ndarray::{ArrayBase, Axis, Ix2, RawData, Slice};

use super::elementary::exp_of_negative;
use super::product::{self, Right, product};
use super::storage::{store_as, values};
use isoscope_tiles::Rows;

/// Where the sequences of a packed batch begin and end: cumulative row counts, from 0 to T.
#[derive(Clone, Debug)]
pub(crate) struct Sequences(pub(super) Arc<[usize]>);

impl Sequences {
    /// Takes cumulative offsets: the first is 0, none is smaller than the one before.
    pub(crate) fn new(offsets: &[usize]) -> Self {
        Self(offsets.into())
    }
}

/// What a family's self-attention does beside softmax(Q·Kᵀ)·V.
#[derive(Clone, Debug)]
pub(crate) struct Attention {
    /// Number of heads, H/heads wide each.
    pub(crate) heads: usize,
    /// Factor on Q·Kᵀ, before anything is added.
    pub(crate) scale: f32,
    /// heads×(2R−1) in f32: what is added to the score of query i and key j by their distance, in column R−1 + (j − i). R is the
    /// length of the longest sequence.
    pub(crate) distance_bias: Option<Tensor>,
    /// Largest distance |j − i| at which a query sees a key; `None` when it sees all.
    pub(crate) window: Option<usize>,
}

impl Attention {
    /// Scaled dot products over the whole sequence, as in the first transformer.
    pub(crate) fn plain(heads: usize, width: usize) -> Self {
        let scale = 1.0 / ((width / heads.max(1)) as f32).sqrt();
        Self { heads, scale, distance_bias: None, window: None }
    }
}

/// Computes softmax(scale·Q·Kᵀ + bias)·V for every head of every sequence.
///
/// `qkv` is T×3H, the queries, keys and values side by side, the heads of each side by side; the result is T×H.
pub(crate) fn self_attention(qkv: &Tensor, sequences: &Sequences, form: &Attention) -> Result<Tensor> {
    let op = SelfAttention { sequences, form };
    match &form.distance_bias {
        Some(bias) => qkv.apply_op2_no_bwd(bias, &op),
        None => qkv.apply_op1_no_bwd(&op),
    }
}

struct SelfAttention<'a> {
    sequences: &'a Sequences,
    form: &'a Attention,
}

/// Scores held at a time: 256 KiB, so that a block stays in the second-level cache whatever the length of the sequence.
pub(super) const BLOCK: usize = 1 << 16;

const NAME: &str = "self_attention";

impl CustomOp1 for SelfAttention<'_> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(&self, storage: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        self.compute(storage, layout, None)
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(&self, storage: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        self.compute_on_gpu((storage, layout), None)
    }
}

impl CustomOp2 for SelfAttention<'_> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(
        &self,
        storage: &CpuStorage,
        layout: &Layout,
        bias: &CpuStorage,
        bias_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (heads, columns) = bias_layout.shape().dims2()?;
        if heads != self.form.heads || columns % 2 == 0 {
            bail!("{NAME} of {} heads cannot add a bias of {heads}x{columns}", self.form.heads);
        }
        let bias = values(NAME, bias, bias_layout)?;
        self.compute(storage, layout, Some(DistanceBias { values: &bias, reach: columns.div_ceil(2) }))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        storage: &CudaStorage,
        layout: &Layout,
        bias: &CudaStorage,
        bias_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        self.compute_on_gpu((storage, layout), Some((bias, bias_layout)))
    }
}

impl SelfAttention<'_> {
    fn compute(
        &self,
        storage: &CpuStorage,
        layout: &Layout,
        bias: Option<DistanceBias<'_>>,
    ) -> Result<(CpuStorage, Shape)> {
        let (rows, width3) = layout.shape().dims2()?;
        let (width, heads) = (width3 / 3, self.form.heads);
        if width * 3 != width3 || heads == 0 || width % heads != 0 {
            bail!("{NAME} cannot split rows of {width3} into queries, keys and values of {heads} heads");
        }
        if self.sequences.0.last().is_some_and(|&end| end != rows) {
            bail!("{NAME} got {rows} rows for sequences that end at {:?}", self.sequences.0.last());
        }
        let qkv = values(NAME, storage, layout)?;
        let mut y = vec![0.0_f32; rows * width];
        let mut scratch = Scratch::default();
        for bounds in self.sequences.0.windows(2) {
            let (from, to) = (bounds[0], bounds[1]);
            if bias.is_some_and(|bias| to - from > bias.reach) {
                bail!("{NAME} has no bias for a sequence of {} tokens", to - from);
            }
            let out = &mut y[from * width..to * width];
            attend(&qkv[from * width3..to * width3], out, width, self.form, bias, &mut scratch)?;
        }
        Ok((store_as(storage, y), Shape::from((rows, width))))
    }

    #[cfg(feature = "cuda")]
    fn compute_on_gpu(
        &self,
        qkv: (&CudaStorage, &Layout),
        distance_bias: Option<(&CudaStorage, &Layout)>,
    ) -> Result<(CudaStorage, Shape)> {
        let (rows, width3) = qkv.1.shape().dims2()?;
        let Attention { heads, scale, window, .. } = *self.form;
        let form = isoscope_cuda::AttentionForm { heads, scale, distance_bias, window };
        let out = isoscope_cuda::attention(qkv, &self.sequences.0, form)?;
        Ok((out, Shape::from((rows, width3 / 3))))
    }
}

/// heads×(2·`reach`−1) values, by head and distance.
#[derive(Clone, Copy)]
struct DistanceBias<'a> {
    values: &'a [f32],
    reach: usize,
}

impl DistanceBias<'_> {
    /// Adds the bias of a head to the scores of the queries from `first_query` on with the keys from `first_key` on.
    fn add(self, scores: &mut [f32], keys: usize, head: usize, first_query: usize, first_key: usize) {
        let columns = 2 * self.reach - 1;
        let row = &self.values[head * columns..(head + 1) * columns];
        for (i, scores) in scores.chunks_exact_mut(keys).enumerate() {
            let start = self.reach - 1 + first_key - (first_query + i);
            for (score, bias) in scores.iter_mut().zip(&row[start..]) {
                *score += bias;
            }
        }
    }
}

/// Room for the scores of a block and for their products.
#[derive(Default)]
struct Scratch {
    scores: Vec<f32>,
    products: product::Scratch,
}

/// Attends within one sequence of n tokens: `qkv` is n×3H, `out` n×H.
fn attend(
    qkv: &[f32],
    out: &mut [f32],
    width: usize,
    form: &Attention,
    bias: Option<DistanceBias<'_>>,
    scratch: &mut Scratch,
) -> Result<()> {
    let (tokens, depth) = (out.len() / width, width / form.heads);
    if tokens == 0 {
        return Ok(());
    }
    // A block of queries that sees a window should not be much longer than the window, or most of its scores are of no use.
    let block = (BLOCK / tokens).min(form.window.map_or(tokens, |window| window.max(16))).clamp(1, tokens);
    scratch.scores.resize(scratch.scores.len().max(block * tokens), 0.0);
    for head in 0..form.heads {
        let part = |part: usize, rows: &Range<usize>| {
            let (stride, column) = (3 * width, part * width + head * depth);
            let values = &qkv[rows.start * stride + column..(rows.end - 1) * stride + column + depth];
            Rows { values, stride, width: depth }
        };
        for start in (0..tokens).step_by(block) {
            let rows = start..(start + block).min(tokens);
            let seen = form.window.map_or(0..tokens, |window| {
                rows.start.saturating_sub(window)..(rows.end + window).min(tokens)
            });
            let keys = seen.len();
            let scores = &mut scratch.scores[..rows.len() * keys];
            product(part(0, &rows), Right::Transposed(part(1, &seen)), scores, keys, &mut scratch.products)?;
            for score in scores.iter_mut() {
                *score *= form.scale;
            }
            if let Some(bias) = bias {
                bias.add(scores, keys, head, rows.start, seen.start);
            }
            if let Some(window) = form.window {
                hide(scores, &rows, &seen, window);
            }
            softmax_rows(scores, keys);
            let weights = Rows { values: scores, stride: keys, width: keys };
            let out =
                &mut out[rows.start * width + head * depth..(rows.end - 1) * width + (head + 1) * depth];
            product(weights, Right::Plain(part(2, &seen)), out, width, &mut scratch.products)?;
        }
    }
    Ok(())
}

/// Hides the keys that are farther from their query than the window.
fn hide(scores: &mut [f32], queries: &Range<usize>, keys: &Range<usize>, window: usize) {
    for (query, scores) in queries.clone().zip(scores.chunks_exact_mut(keys.len())) {
        for (key, score) in keys.clone().zip(scores) {
            if key.abs_diff(query) > window {
                *score = f32::NEG_INFINITY;
            }
        }
    }
}

/// Returns some rows and columns of a matrix view.
pub(super) fn cut<S: RawData>(
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
pub(super) fn softmax_rows(rows: &mut [f32], width: usize) {
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
        let out = self_attention(&tensor, &Sequences::new(&offsets), &Attention::plain(heads, width))
            .unwrap()
            .to_vec2::<f32>()
            .unwrap();
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
        let out = self_attention(&tensor, &Sequences::new(&[0, tokens]), &Attention::plain(heads, width))
            .unwrap()
            .to_vec2::<f32>()
            .unwrap();
        assert!(BLOCK / tokens < tokens, "the test must cross a block's edge");
        for row in [0, BLOCK / tokens - 1, BLOCK / tokens, tokens - 1] {
            let expected = reference(&qkv, width, heads, 0..tokens, row, 5);
            assert!((f64::from(out[row][5]) - expected).abs() < 2e-6, "row {row}");
        }
    }

    #[test]
    fn a_window_hides_what_is_farther_and_a_bias_counts_by_distance() {
        let (width, heads, tokens, window) = (8, 2, 70, 9);
        let (depth, reach) = (width / heads, 80);
        let qkv = ramp(tokens * 3 * width);
        let bias = ramp(heads * (2 * reach - 1));
        let tensor = Tensor::from_slice(&qkv, (tokens, 3 * width), &Device::Cpu).unwrap();
        let form = Attention {
            distance_bias: Some(Tensor::from_slice(&bias, (heads, 2 * reach - 1), &Device::Cpu).unwrap()),
            window: Some(window),
            scale: 0.3,
            ..Attention::plain(heads, width)
        };
        let out = self_attention(&tensor, &Sequences::new(&[0, tokens]), &form).unwrap();
        let out = out.to_vec2::<f32>().unwrap();
        let at = |r: usize, c: usize| f64::from(qkv[r * 3 * width + c]);
        for (row, column) in [(0, 0), (15, 3), (16, 7), (41, 5), (69, 4)] {
            let head = column / depth;
            let mut sums = (0.0, 0.0);
            for j in (0..tokens).filter(|j| j.abs_diff(row) <= window) {
                let dot: f64 =
                    (0..depth).map(|d| at(row, head * depth + d) * at(j, width + head * depth + d)).sum();
                let bias = bias[head * (2 * reach - 1) + reach - 1 + j - row];
                let weight = (0.3 * dot + f64::from(bias)).exp();
                sums = (sums.0 + weight, sums.1 + weight * at(j, 2 * width + column));
            }
            assert!((f64::from(out[row][column]) - sums.1 / sums.0).abs() < 2e-6, "row {row}");
        }
    }

    #[test]
    fn a_sequence_longer_than_the_bias_is_refused() {
        let tensor = Tensor::from_slice(&ramp(5 * 24), (5, 24), &Device::Cpu).unwrap();
        let bias = Tensor::from_slice(&ramp(2 * 7), (2, 7), &Device::Cpu).unwrap();
        let form = Attention { distance_bias: Some(bias), ..Attention::plain(2, 8) };
        let message = self_attention(&tensor, &Sequences::new(&[0, 5]), &form).unwrap_err().to_string();
        assert!(message.contains("no bias for a sequence of 5 tokens"), "{message}");
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
        assert!(self_attention(&tensor, &Sequences::new(&[0, 3]), &Attention::plain(2, 8)).is_err());
    }
}
