//! Euclidean distances between rows, from their differences.

use isoscope_plugin_sdk::prelude::*;

/// Computes the distance between two rows.
pub(crate) fn distance(rows: ArrayView2<'_, f64>, i: usize, j: usize) -> f64 {
    let (a, b) = (rows.row(i), rows.row(j));
    match (a.as_slice(), b.as_slice()) {
        (Some(a), Some(b)) => squared(a, b),
        _ => a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum(),
    }
    .sqrt()
}

/// Sums squared differences in a fixed order that vector code can keep.
fn squared(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (a_chunks, a_rest) = a.as_chunks::<8>();
    let (b_chunks, b_rest) = b.as_chunks::<8>();
    for (a, b) in a_chunks.iter().zip(b_chunks) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += (a - b) * (a - b);
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| (a - b) * (a - b)).sum();
    sums.iter().sum::<f64>() + rest
}
