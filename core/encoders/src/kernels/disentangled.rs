//! Disentangled self-attention (He et al. 2021, arXiv 2006.03654, §3.1): to the score of two tokens by content are added the
//! score of one's content with the other's relative position, and the reverse.

use std::borrow::Cow;
use std::sync::Arc;

#[cfg(feature = "cuda")]
use candle_core::CudaStorage;
use candle_core::{CpuStorage, CustomOp2, CustomOp3, Error, Layout, Result, Shape, Tensor, bail};
use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2};

use super::attention::{Attention, BLOCK, Sequences, cut, self_attention, softmax_rows};
use super::relative_scores::{RelativeScores, extent};
use super::storage::{store_as, values};

/// A layer's disentangled attention.
#[derive(Clone, Debug)]
pub(crate) struct Disentangled {
    /// Number of heads, H/heads wide each.
    pub(crate) heads: usize,
    /// Factor on the sum of the scores.
    pub(crate) scale: f32,
    /// Row of the position tables for query i and key j, in place R−1 + (j − i) of 2R−1; R is the length of the longest
    /// sequence.
    pub(crate) places: Arc<[u32]>,
    /// P×H in the format of the rows: the key of every relative position, which queries score (content to position).
    pub(crate) keys: Option<Tensor>,
    /// P×H in the format of the rows: the query of every relative position, which scores keys (position to content).
    pub(crate) queries: Option<Tensor>,
}

/// Computes softmax(scale·(Q·Kᵀ + Q·keysᵀ + K·queriesᵀ))·V for every head of every sequence; of the last two products the score
/// of query i and key j takes the column of their relative position.
///
/// `qkv` is T×3H, the queries, keys and values side by side, the heads of each side by side; the result is T×H.
pub(crate) fn disentangled_attention(
    qkv: &Tensor,
    sequences: &Sequences,
    form: &Disentangled,
) -> Result<Tensor> {
    let op = |positions| DisentangledAttention { sequences, form, positions };
    match (&form.keys, &form.queries) {
        (Some(keys), Some(queries)) => qkv.apply_op3_no_bwd(keys, queries, &op(Positions::Both)),
        (Some(keys), None) => qkv.apply_op2_no_bwd(keys, &op(Positions::Keys)),
        (None, Some(queries)) => qkv.apply_op2_no_bwd(queries, &op(Positions::Queries)),
        (None, None) => {
            let (heads, scale) = (form.heads, form.scale);
            self_attention(qkv, sequences, &Attention { heads, scale, distance_bias: None, window: None })
        }
    }
}

/// Which tables of relative positions follow the rows.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Positions {
    Keys,
    Queries,
    Both,
}

struct DisentangledAttention<'a> {
    sequences: &'a Sequences,
    form: &'a Disentangled,
    positions: Positions,
}

const NAME: &str = "disentangled_attention";

impl CustomOp2 for DisentangledAttention<'_> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(
        &self,
        qkv: &CpuStorage,
        qkv_layout: &Layout,
        table: &CpuStorage,
        table_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let (keys, queries) = self.by_kind((table, table_layout));
        self.compute((qkv, qkv_layout), keys, queries)
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        qkv: &CudaStorage,
        qkv_layout: &Layout,
        table: &CudaStorage,
        table_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let (keys, queries) = self.by_kind((table, table_layout));
        self.compute_on_gpu((qkv, qkv_layout), keys, queries)
    }
}

impl CustomOp3 for DisentangledAttention<'_> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(
        &self,
        qkv: &CpuStorage,
        qkv_layout: &Layout,
        keys: &CpuStorage,
        keys_layout: &Layout,
        queries: &CpuStorage,
        queries_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        self.compute((qkv, qkv_layout), Some((keys, keys_layout)), Some((queries, queries_layout)))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        qkv: &CudaStorage,
        qkv_layout: &Layout,
        keys: &CudaStorage,
        keys_layout: &Layout,
        queries: &CudaStorage,
        queries_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        self.compute_on_gpu((qkv, qkv_layout), Some((keys, keys_layout)), Some((queries, queries_layout)))
    }
}

type Operand<'a> = (&'a CpuStorage, &'a Layout);

/// The elements of a tensor, as f32, with their shape.
type Matrix<'a> = (Cow<'a, [f32]>, (usize, usize));

fn matrix((storage, layout): Operand<'_>) -> Result<Matrix<'_>> {
    Ok((values(NAME, storage, layout)?, layout.shape().dims2()?))
}

fn view<'a>((values, shape): &'a Matrix<'_>) -> Result<ArrayView2<'a, f32>> {
    ArrayView2::from_shape(*shape, values).map_err(Error::wrap)
}

impl DisentangledAttention<'_> {
    /// Sorts the one table that there is: keys, then queries.
    fn by_kind<T>(&self, table: T) -> (Option<T>, Option<T>) {
        if self.positions == Positions::Keys { (Some(table), None) } else { (None, Some(table)) }
    }

    fn compute(
        &self,
        operand: Operand<'_>,
        keys: Option<Operand<'_>>,
        queries: Option<Operand<'_>>,
    ) -> Result<(CpuStorage, Shape)> {
        let (qkv, keys) = (matrix(operand)?, keys.map(matrix).transpose()?);
        let queries = queries.map(matrix).transpose()?;
        let (qkv, keys) = (view(&qkv)?, keys.as_ref().map(view).transpose()?);
        let queries = queries.as_ref().map(view).transpose()?;
        let (rows, width3) = qkv.dim();
        let (width, heads, places) = (width3 / 3, self.form.heads, &self.form.places);
        if width * 3 != width3 || heads == 0 || width % heads != 0 {
            bail!("{NAME} cannot split rows of {width3} into queries, keys and values of {heads} heads");
        }
        if self.sequences.0.last().is_some_and(|&end| end != rows) {
            bail!("{NAME} got {rows} rows for sequences that end elsewhere");
        }
        let needed = places.iter().max().map_or(0, |&place| place as usize + 1);
        if keys.iter().chain(&queries).any(|table| table.nrows() < needed || table.ncols() != width) {
            bail!("{NAME} of rows of {width} needs {needed}x{width} relative positions");
        }
        let mut y = vec![0.0_f32; rows * width];
        let mut out = ArrayViewMut2::from_shape((rows, width), &mut y).map_err(Error::wrap)?;
        let mut scratch = Scratch::default();
        for bounds in self.sequences.0.windows(2) {
            let (range, tokens) = (bounds[0]..bounds[1], bounds[1] - bounds[0]);
            if tokens == 0 {
                continue;
            }
            let reach = places.len().div_ceil(2);
            if tokens > reach {
                bail!("{NAME} has no relative positions for a sequence of {tokens} tokens");
            }
            let places = &places[reach - tokens..reach - 1 + tokens];
            let qkv = cut(qkv, range.clone(), 0..width3);
            let sequence = Sequence { qkv, keys, queries, places, heads, scale: self.form.scale };
            sequence.attend(cut(out.view_mut(), range, 0..width), &mut scratch)?;
        }
        Ok((store_as(operand.0, y), Shape::from((rows, width))))
    }

    #[cfg(feature = "cuda")]
    fn compute_on_gpu(
        &self,
        qkv: (&CudaStorage, &Layout),
        keys: Option<(&CudaStorage, &Layout)>,
        queries: Option<(&CudaStorage, &Layout)>,
    ) -> Result<(CudaStorage, Shape)> {
        let (rows, width3) = qkv.1.shape().dims2()?;
        let Disentangled { heads, scale, ref places, .. } = *self.form;
        let form = isoscope_cuda::DisentangledForm { heads, scale, places, keys, queries };
        let out = isoscope_cuda::disentangled_attention(qkv, &self.sequences.0, form)?;
        Ok((out, Shape::from((rows, width3 / 3))))
    }
}

/// Memory that the heads of all sequences use in turn.
#[derive(Default)]
struct Scratch {
    scores: Vec<f32>,
    /// Scores of a block of queries with relative positions.
    by_query: Vec<f32>,
    /// Scores of all keys with relative positions.
    by_key: Vec<f32>,
}

/// One sequence of n tokens.
struct Sequence<'a> {
    /// n×3H.
    qkv: ArrayView2<'a, f32>,
    keys: Option<ArrayView2<'a, f32>>,
    queries: Option<ArrayView2<'a, f32>>,
    /// Row of the position tables for query i and key j, in place n−1 + (j − i).
    places: &'a [u32],
    heads: usize,
    scale: f32,
}

impl Sequence<'_> {
    fn attend(&self, mut out: ArrayViewMut2<'_, f32>, scratch: &mut Scratch) -> Result<()> {
        let (tokens, width) = out.dim();
        let depth = width / self.heads;
        let block = (BLOCK / tokens).clamp(1, tokens);
        for head in 0..self.heads {
            let columns = |part: usize| part * width + head * depth..part * width + (head + 1) * depth;
            let keys = cut(self.qkv, 0..tokens, columns(1));
            let values = cut(self.qkv, 0..tokens, columns(2));
            let used = extent(self.places);
            let by_key = match self.queries {
                Some(table) => {
                    let table = cut(table, used.clone(), columns(0));
                    Some(RelativeScores::new(&mut scratch.by_key, self.scale, keys, table, used.start)?)
                }
                None => None,
            };
            for start in (0..tokens).step_by(block) {
                let rows = start..(start + block).min(tokens);
                // The places of the block's first query lie last, those of its last query first.
                let places = &self.places[tokens - rows.end..2 * tokens - 1 - rows.start];
                let queries = cut(self.qkv, rows.clone(), columns(0));
                let shape = (rows.len(), tokens);
                scratch.scores.resize(shape.0 * shape.1, 0.0);
                let scores = &mut scratch.scores[..];
                let mut view = ArrayViewMut2::from_shape(shape, &mut *scores).map_err(Error::wrap)?;
                general_mat_mul(self.scale, &queries, &keys.t(), 0.0, &mut view);
                if let Some(table) = self.keys {
                    let used = extent(places);
                    let table = cut(table, used.clone(), columns(0));
                    RelativeScores::new(&mut scratch.by_query, self.scale, queries, table, used.start)?
                        .add_by_query(scores, tokens, places);
                }
                if let Some(relative) = &by_key {
                    relative.add_by_key(scores, tokens, places);
                }
                softmax_rows(scores, tokens);
                let weights = ArrayView2::from_shape(shape, &*scores).map_err(Error::wrap)?;
                let mut block_out = cut(out.view_mut(), rows, columns(0));
                general_mat_mul(1.0, &weights, &values, 0.0, &mut block_out);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use std::ops::Range;

    use candle_core::Device;

    use super::*;

    const WIDTH: usize = 8;
    const HEADS: usize = 2;

    fn ramp(rows: usize, width: usize, step: f32) -> Tensor {
        let values: Vec<f32> = (0..rows * width).map(|i| 1.5 * (i as f32 * step).sin()).collect();
        Tensor::from_vec(values, (rows, width), &Device::Cpu).unwrap()
    }

    /// Distances of ±(reach − 1), of which those beyond ±4 share two of ten rows.
    fn form(reach: usize, keys: bool, queries: bool) -> Disentangled {
        let place = |distance: i64| (5 - distance.clamp(-4, 5)) as u32;
        let last = reach as i64 - 1;
        Disentangled {
            heads: HEADS,
            scale: 0.4,
            places: (-last..=last).map(place).collect(),
            keys: keys.then(|| ramp(10, WIDTH, 0.37)),
            queries: queries.then(|| ramp(10, WIDTH, 0.59)),
        }
    }

    /// One output in f64, straight from the definition.
    fn reference(
        qkv: &[Vec<f32>],
        form: &Disentangled,
        range: Range<usize>,
        row: usize,
        column: usize,
    ) -> f64 {
        let depth = WIDTH / HEADS;
        let head = column / depth * depth;
        let dot = |a: &[f32], b: &[f32]| -> f64 {
            a.iter().zip(b).take(depth).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
        };
        let table = |table: &Option<Tensor>| table.as_ref().map(|table| table.to_vec2::<f32>().unwrap());
        let (keys, queries) = (table(&form.keys), table(&form.queries));
        let reach = form.places.len().div_ceil(2);
        let score = |j: usize| {
            let place = form.places[reach - 1 + j - row] as usize;
            let (query, key) = (&qkv[row][head..], &qkv[j][WIDTH + head..]);
            let by_query = keys.as_ref().map_or(0.0, |keys| dot(query, &keys[place][head..]));
            let by_key = queries.as_ref().map_or(0.0, |queries| dot(key, &queries[place][head..]));
            (f64::from(form.scale) * (dot(query, key) + by_query + by_key)).exp()
        };
        let total: f64 = range.clone().map(score).sum();
        range.map(|j| score(j) / total * f64::from(qkv[j][2 * WIDTH + column])).sum()
    }

    fn check(offsets: &[usize], form: &Disentangled, rows: impl Iterator<Item = usize>) {
        let qkv = ramp(*offsets.last().unwrap(), 3 * WIDTH, 0.731);
        let out = disentangled_attention(&qkv, &Sequences::new(offsets), form).unwrap();
        let (qkv, out) = (qkv.to_vec2::<f32>().unwrap(), out.to_vec2::<f32>().unwrap());
        for row in rows {
            let sequence = offsets.windows(2).find(|bounds| (bounds[0]..bounds[1]).contains(&row)).unwrap();
            for (column, found) in out[row].iter().enumerate() {
                let expected = reference(&qkv, form, sequence[0]..sequence[1], row, column);
                assert!((f64::from(*found) - expected).abs() < 4e-6, "row {row}, column {column}");
            }
        }
    }

    #[test]
    fn every_combination_of_position_scores_follows_the_definition() {
        for (keys, queries) in [(true, true), (true, false), (false, true), (false, false)] {
            check(&[0, 1, 1, 23, 33], &form(30, keys, queries), 0..33);
        }
    }

    #[test]
    fn long_sequences_are_cut_into_blocks_without_a_trace() {
        let (tokens, form) = (300, form(300, true, true));
        let edge = BLOCK / tokens;
        assert!(edge < tokens, "the test must cross a block's edge");
        check(&[0, tokens], &form, [0, edge - 1, edge, tokens - 1].into_iter());
    }

    #[test]
    fn a_sequence_longer_than_the_relative_positions_is_refused() {
        let (qkv, form) = (ramp(5, 3 * WIDTH, 0.7), form(4, true, true));
        let message = disentangled_attention(&qkv, &Sequences::new(&[0, 5]), &form).unwrap_err().to_string();
        assert!(message.contains("no relative positions for a sequence of 5 tokens"), "{message}");
    }

    #[test]
    fn position_tables_without_enough_rows_are_refused() {
        let form = Disentangled { keys: Some(ramp(9, WIDTH, 0.3)), ..form(12, false, false) };
        let message = disentangled_attention(&ramp(5, 3 * WIDTH, 0.7), &Sequences::new(&[0, 5]), &form);
        let message = message.unwrap_err().to_string();
        assert!(message.contains("needs 10x8 relative positions"), "{message}");
    }
}
