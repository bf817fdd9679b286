//! The local intrinsic dimension (LID), averaged over the rows.

use crate::estimate::{Estimate, mean_of_local};
use crate::nearest::Neighbours;

/// Averages `−1 / mean_{j ≤ k} ln(r_j / r_k)` over the rows without a duplicate; the last term is 0 and counts. `k` is at
/// least 2 and at most the length of the list.
///
/// Half of the value is what squared distances give, since `ln r² = 2 ln r`.
///
/// # Errors
/// The reason when duplicates leave no row, or when the neighbours of a row are equally far.
pub fn lid_mean(neighbours: &Neighbours, k: usize) -> Estimate {
    let rows = (0..neighbours.rows()).map(|i| &neighbours.distances(i)[..k]);
    mean_of_local(rows.filter(|r| r[0] > 0.0).map(|r| {
        let last = r[k - 1];
        k as f64 / r.iter().map(|r| (last / r).ln()).sum::<f64>()
    }))
}
