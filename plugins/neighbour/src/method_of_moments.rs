//! The local dimension by the method of moments, averaged over the rows.

use crate::estimate::{Estimate, mean_of_local};
use crate::nearest::Neighbours;

/// Averages `m / (r_k − m)` over the rows without a duplicate, where `m` is the mean of the k distances. `k` is at least 2
/// and at most the length of the list.
///
/// # Errors
/// The reason when duplicates leave no row, or when the neighbours of a row are equally far.
pub fn method_of_moments(neighbours: &Neighbours, k: usize) -> Estimate {
    let rows = (0..neighbours.rows()).map(|i| &neighbours.distances(i)[..k]);
    mean_of_local(rows.filter(|r| r[0] > 0.0).map(|r| {
        let (mean, last) = (r.iter().sum::<f64>() / k as f64, r[k - 1]);
        // The mean of equal distances may round to either side of them.
        if r[0] < last { mean / (last - mean) } else { f64::INFINITY }
    }))
}
