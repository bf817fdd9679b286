//! The local dimension of maximum likelihood (Levina and Bickel), pooled in two ways.

use crate::estimate::{ALL_DUPLICATES, Estimate, mean_of_local};
use crate::nearest::Neighbours;

/// Computes `1/m_k = Σ_{j ≤ k} ln(r_k / r_j) / (k − 1)` of every row without a duplicate.
fn inverse_dimensions(neighbours: &Neighbours, k: usize) -> impl Iterator<Item = f64> {
    let rows = (0..neighbours.rows()).map(move |i| &neighbours.distances(i)[..k]);
    rows.filter(|r| r[0] > 0.0).map(move |r| {
        let last = r[k - 1];
        r.iter().map(|r| (last / r).ln()).sum::<f64>() / (k - 1) as f64
    })
}

/// Pools the local estimates harmonically, `1 / mean(1/m_k)`: the maximum of the likelihood of all rows together. `k` is at
/// least 2 and at most the length of the list.
///
/// # Errors
/// The reason when duplicates leave no row, or when all neighbours of all rows are equally far.
pub fn mle_harmonic(neighbours: &Neighbours, k: usize) -> Estimate {
    let (mut rows, mut sum) = (0_u64, 0.0);
    for inverse in inverse_dimensions(neighbours, k) {
        rows += 1;
        sum += inverse;
    }
    match rows {
        0 => Err(ALL_DUPLICATES.to_owned()),
        _ if sum > 0.0 => Ok(rows as f64 / sum),
        _ => Err("all neighbours of all rows are equally far".to_owned()),
    }
}

/// Averages the local estimates `m_k`. `k` as in [`mle_harmonic`].
///
/// # Errors
/// The reason when duplicates leave no row, or when the neighbours of a row are equally far.
pub fn mle_mean(neighbours: &Neighbours, k: usize) -> Estimate {
    mean_of_local(inverse_dimensions(neighbours, k).map(f64::recip))
}
