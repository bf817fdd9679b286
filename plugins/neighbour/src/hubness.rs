//! Hubness: how unevenly rows occur among the neighbours of others.

use crate::estimate::Estimate;
use crate::nearest::Neighbours;

/// Computes the skewness `m₃ / m₂^{3/2}` of the k-occurrences: how often each row is among the k nearest of another. `k` is
/// at most the length of the list.
///
/// # Errors
/// The reason when every row occurs equally often.
pub fn hubness_skew(neighbours: &Neighbours, k: usize) -> Estimate {
    let n = neighbours.rows();
    let mut occurrences = vec![0_u32; n];
    for i in 0..n {
        for j in &neighbours.indices(i)[..k] {
            occurrences[*j as usize] += 1;
        }
    }
    // The occurrences add up to n·k.
    let (mut second, mut third) = (0.0, 0.0);
    for count in occurrences {
        let deviation = f64::from(count) - k as f64;
        second += deviation * deviation;
        third += deviation * deviation * deviation;
    }
    if second <= 0.0 {
        return Err("every row is equally often a neighbour".to_owned());
    }
    let (second, third) = (second / n as f64, third / n as f64);
    Ok(third / (second * second.sqrt()))
}
