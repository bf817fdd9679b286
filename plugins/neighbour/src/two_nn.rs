//! `TwoNN`: the dimension from the ratio of the distances to the second and the first neighbour.

use crate::estimate::{ALL_DUPLICATES, Estimate};
use crate::nearest::Neighbours;

/// Share of the ratios, the largest ones, that the fit leaves out.
const DISCARDED: f64 = 0.1;

/// Computes `ln(r₂ / r₁)` of every row without a duplicate, ascending.
fn log_ratios(neighbours: &Neighbours) -> Vec<f64> {
    let of_row = |i: usize| match neighbours.distances(i) {
        [first, second, ..] if *first > 0.0 => Some((second / first).ln()),
        _ => None,
    };
    let mut ratios: Vec<f64> = (0..neighbours.rows()).filter_map(of_row).collect();
    ratios.sort_unstable_by(f64::total_cmp);
    ratios
}

/// Fits `−ln(1 − i/N) = d ln μ_(i)` through the origin over the smallest 90 % of the ratios `μ = r₂/r₁`. The list holds at
/// least two neighbours a row.
///
/// # Errors
/// The reason when duplicates leave fewer than two ratios, or when all of them are 1.
pub fn two_nn(neighbours: &Neighbours) -> Estimate {
    let ratios = log_ratios(neighbours);
    let n = ratios.len() as f64;
    let kept = (n * (1.0 - DISCARDED)) as usize;
    if kept < 2 {
        return Err(format!("{} rows without a duplicate, of which 90 % are fewer than 2", ratios.len()));
    }
    let (mut xy, mut xx) = (0.0, 0.0);
    for (i, x) in ratios[..kept].iter().enumerate() {
        let y = -(1.0 - (i + 1) as f64 / n).ln();
        xy += x * y;
        xx += x * x;
    }
    finite(xy / xx)
}

/// Computes `(n − 1) / Σ ln(r₂/r₁)`, the unbiased estimate of maximum likelihood over all ratios.
///
/// # Errors
/// As [`two_nn`].
pub fn two_nn_mle(neighbours: &Neighbours) -> Estimate {
    let ratios = log_ratios(neighbours);
    match ratios.len() {
        0 => Err(ALL_DUPLICATES.to_owned()),
        1 => Err("1 row without a duplicate, and at least 2 are needed".to_owned()),
        n => finite((n - 1) as f64 / ratios.iter().sum::<f64>()),
    }
}

fn finite(dimension: f64) -> Estimate {
    let reason = "the first two neighbours of all rows are equally far";
    dimension.is_finite().then_some(dimension).ok_or_else(|| reason.to_owned())
}
