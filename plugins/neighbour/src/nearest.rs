//! The k nearest rows of every row of a sample, exactly.

use isoscope_plugin_sdk::prelude::*;

use crate::candidates::Candidates;
use crate::cloud::Cloud;

/// Pairs that are tested together before any of them is looked at alone.
const GROUP: usize = 16;

/// The k nearest other rows of every row, nearest first.
#[derive(Debug, Clone, PartialEq)]
pub struct Neighbours {
    k: usize,
    distances: Vec<f64>,
    indices: Vec<u32>,
}

impl Neighbours {
    /// Returns how many neighbours each row has.
    #[must_use]
    pub fn k(&self) -> usize {
        self.k
    }

    /// Returns the number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.distances.len() / self.k
    }

    /// Returns the Euclidean distances from row i to its k nearest rows, ascending.
    #[must_use]
    pub fn distances(&self, i: usize) -> &[f64] {
        &self.distances[i * self.k..][..self.k]
    }

    /// Returns the indices of the k nearest rows of row i in the order of their distances.
    #[must_use]
    pub fn indices(&self, i: usize) -> &[u32] {
        &self.indices[i * self.k..][..self.k]
    }
}

/// Finds the k nearest other rows of every row; of equally near rows those with the least indices.
///
/// Every pair of rows is looked at once, in blocks: a product bounds the squared distances from both sides, a row keeps the
/// pairs whose lower bound is below its k-th smallest upper bound, and the distances of those are computed from the
/// differences of the rows. `k` is from 1 to n − 1.
pub(crate) fn nearest(cloud: &Cloud<'_>, k: usize) -> Result<Neighbours> {
    let n = cloud.len();
    if k == 0 || k >= n {
        return Err(Error::Failed(format!("{n} rows have no {k} neighbours each")));
    }
    let shares: Vec<f64> = (0..n).map(|i| cloud.lower_share(i)).collect();
    let mut candidates = Candidates::new(n, k);
    cloud.for_each_block(|first, second, products| {
        for (i, products) in products.rows().into_iter().enumerate() {
            let row = first + i;
            // On the diagonal, row i meets the rows after it; those before have met it.
            let skip = if first == second { i + 1 } else { 0 };
            if let Some(products) = products.as_slice() {
                collect(cloud, &mut candidates, &shares, row, second + skip, &products[skip..]);
            }
        }
    })?;
    candidates.refine(cloud);
    let mut found = Neighbours { k, distances: vec![0.0; n * k], indices: vec![0; n * k] };
    for i in 0..n {
        let part = i * k..(i + 1) * k;
        candidates.write(cloud, i, &mut found.distances[part.clone()], &mut found.indices[part]);
    }
    found.distances.iter_mut().for_each(|square| *square = square.sqrt());
    Ok(found)
}

/// Adds the pairs of one row with the rows from `start` to the candidates of both sides.
fn collect(
    cloud: &Cloud<'_>,
    candidates: &mut Candidates,
    shares: &[f64],
    row: usize,
    start: usize,
    products: &[f64],
) {
    let own = shares[row];
    for (at, group) in products.chunks(GROUP).enumerate() {
        let from = start + at * GROUP;
        let limits = &candidates.limits()[from..from + group.len()];
        if !any_below(group, &shares[from..from + group.len()], limits, own, candidates.limits()[row]) {
            continue;
        }
        for (j, product) in group.iter().enumerate() {
            let other = from + j;
            let doubled = 2.0 * product;
            let square = cloud.square_from(row, other, *product);
            if shares[other] - doubled < candidates.limits()[row] {
                candidates.push(cloud, row, other, square);
            }
            if own - doubled < candidates.limits()[other] {
                candidates.push(cloud, other, row, square);
            }
        }
    }
}

/// Says whether any pair of a group is a candidate of either side. Written without branches, so that it becomes vector code.
#[inline]
fn any_below(products: &[f64], shares: &[f64], limits: &[f64], own: f64, own_limit: f64) -> bool {
    let mut any = false;
    for ((product, share), limit) in products.iter().zip(shares).zip(limits) {
        let doubled = 2.0 * product;
        any |= share - doubled < own_limit;
        any |= own - doubled < *limit;
    }
    any
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use isoscope_plugin_sdk::testing::native_host;

    use super::*;

    fn by_sorting(cloud: &Cloud<'_>, i: usize, k: usize) -> Vec<(f64, u32)> {
        let others = (0..cloud.len()).filter(|j| *j != i);
        let mut all: Vec<_> = others.map(|j| (cloud.exact(i, j).sqrt(), j as u32)).collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        all.truncate(k);
        all
    }

    fn assert_exact(x: &Array2<f64>, k: usize) {
        let cloud = Cloud::new(native_host().linalg(), x.view()).unwrap();
        let found = nearest(&cloud, k).unwrap();
        assert_eq!((found.rows(), found.k()), (x.nrows(), k));
        for i in 0..x.nrows() {
            let pairs = found.distances(i).iter().copied().zip(found.indices(i).iter().copied());
            assert_eq!(pairs.collect::<Vec<_>>(), by_sorting(&cloud, i, k), "row {i}");
        }
    }

    fn cloud(n: usize, d: usize, mut entry: impl FnMut(usize, f64) -> f64) -> Array2<f64> {
        let mut state = 7_u64;
        Array2::from_shape_fn((n, d), |(i, _)| {
            state = state.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(0x1405_7B7E_F767_814F);
            entry(i, (state >> 11) as f64 / (1_u64 << 53) as f64)
        })
    }

    #[test]
    fn neighbours_equal_those_of_sorting_all_distances_over_several_blocks() {
        assert_exact(&cloud(1100, 3, |_, x| x), 12);
    }

    #[test]
    fn neighbours_are_exact_where_the_product_has_lost_all_digits() {
        // One far row moves the mean, so that the centred rows are 1e9 times their distances.
        assert_exact(&cloud(90, 4, |i, x| if i == 40 { 1e13 } else { 1e3 * x }), 5);
    }

    #[test]
    fn equal_rows_and_grids_break_ties_by_the_least_index() {
        assert_exact(&cloud(300, 2, |_, _| 0.1), 7);
        assert_exact(&cloud(300, 2, |_, x| (x * 4.0).floor() / 3.0), 20);
        assert_exact(&cloud(600, 3, |i, x| if i % 3 == 0 { 0.7 } else { x }), 9);
    }

    #[test]
    fn every_other_row_may_be_asked_for() {
        assert_exact(&cloud(9, 2, |_, x| x), 8);
        assert_exact(&cloud(2, 1, |_, x| x), 1);
    }

    #[test]
    fn rows_that_approach_keep_the_last_ones() {
        // Every later row is nearer to row 0 than all before it.
        assert_exact(
            &Array2::from_shape_fn((400, 1), |(i, _)| if i == 0 { 0.0 } else { 1.0 / i as f64 }),
            10,
        );
    }
}
