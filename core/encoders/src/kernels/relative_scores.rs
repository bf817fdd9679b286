//! Scores of tokens with relative positions, and which of them belong to which query and key.

use std::ops::Range;

use candle_core::{Error, Result};
use ndarray::linalg::general_mat_mul;
use ndarray::{ArrayView2, ArrayViewMut2};

use super::attention::cut;

/// Returns the rows of the position tables from the first to the last one named.
pub(super) fn extent(places: &[u32]) -> Range<usize> {
    let first = places.iter().min().map_or(0, |&place| place as usize);
    first..places.iter().max().map_or(0, |&place| place as usize + 1)
}

/// The scores of some tokens with a range of relative positions.
pub(super) struct RelativeScores<'a> {
    /// A token's scores begin every `stride` values.
    values: &'a [f32],
    stride: usize,
    /// The first relative position.
    first: usize,
}

/// Queries whose scores are added to together, key after key: the 16 columns of a key's scores that they need are one cache line.
const TILE: usize = 16;

impl<'a> RelativeScores<'a> {
    /// Computes `scale`·tokens·tableᵀ; the table begins with relative position `first`.
    pub(super) fn new(
        scratch: &'a mut Vec<f32>,
        scale: f32,
        tokens: ArrayView2<'_, f32>,
        table: ArrayView2<'_, f32>,
        first: usize,
    ) -> Result<Self> {
        // An odd number of cache lines, so that the rows of a column do not all fall into the same set of the cache.
        let stride = (table.nrows().div_ceil(TILE) | 1) * TILE;
        scratch.resize(tokens.nrows() * stride, 0.0);
        let view =
            ArrayViewMut2::from_shape((tokens.nrows(), stride), &mut scratch[..]).map_err(Error::wrap)?;
        let mut view = cut(view, 0..tokens.nrows(), 0..table.nrows());
        general_mat_mul(scale, &tokens, &table.t(), 0.0, &mut view);
        Ok(Self { values: scratch, stride, first })
    }

    /// Adds to the scores of each query with `keys` keys its own scores with their relative positions.
    pub(super) fn add_by_query(&self, scores: &mut [f32], keys: usize, places: &[u32]) {
        let queries = scores.len() / keys;
        let products = self.values.chunks_exact(self.stride);
        for (i, (scores, product)) in scores.chunks_exact_mut(keys).zip(products).enumerate() {
            for (score, &place) in scores.iter_mut().zip(&places[queries - 1 - i..]) {
                *score += product[place as usize - self.first];
            }
        }
    }

    /// Adds to the scores of each query with `keys` keys the scores of those with its relative position.
    pub(super) fn add_by_key(&self, scores: &mut [f32], keys: usize, places: &[u32]) {
        let queries = scores.len() / keys;
        for (tile, scores) in scores.chunks_mut(TILE * keys).enumerate() {
            for (key, product) in self.values.chunks_exact(self.stride).enumerate() {
                for (i, scores) in scores.chunks_exact_mut(keys).enumerate() {
                    let place = places[queries - 1 - (tile * TILE + i) + key];
                    scores[key] += product[place as usize - self.first];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    /// Two queries and three keys: the place of query i and key j is 5 + i − j.
    const PLACES: [u32; 4] = [6, 5, 4, 3];

    fn scores_of(tokens: &[f32]) -> Vec<f32> {
        let table: Vec<f32> = (3..7).map(|place| place as f32).collect();
        let mut scratch = Vec::new();
        let tokens = ArrayView2::from_shape((tokens.len(), 1), tokens).unwrap();
        let table = ArrayView2::from_shape((4, 1), &table).unwrap();
        let relative = RelativeScores::new(&mut scratch, 10.0, tokens, table, 3).unwrap();
        let mut scores = vec![0.5; 6];
        if tokens.nrows() == 2 {
            relative.add_by_query(&mut scores, 3, &PLACES);
        } else {
            relative.add_by_key(&mut scores, 3, &PLACES);
        }
        scores
    }

    #[test]
    fn a_query_scores_the_relative_positions_of_its_keys() {
        assert_eq!(scores_of(&[1.0, 2.0]), [50.5, 40.5, 30.5, 120.5, 100.5, 80.5]);
    }

    #[test]
    fn a_key_scores_the_relative_positions_of_its_queries() {
        assert_eq!(scores_of(&[1.0, 2.0, 3.0]), [50.5, 80.5, 90.5, 60.5, 100.5, 120.5]);
    }

    #[test]
    fn the_extent_of_places_holds_the_first_and_the_last() {
        assert_eq!((extent(&PLACES), extent(&[])), (3..7, 0..0));
    }
}
