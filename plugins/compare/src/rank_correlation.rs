//! Pearson's and Spearman's correlation of long lists whose equal values differ by rounding.

use crate::value::{Value, undefined};

/// Relative difference at which two values count as equal: far above the rounding of a matrix product, far
/// below any difference that single-precision rows can make on purpose.
const EQUAL: f64 = 1e-12;

/// Computes Pearson's correlation in [-1, 1].
pub(crate) fn pearson(x: &[f64], y: &[f64]) -> Value {
    if !varies(x) || !varies(y) {
        return undefined("all pairs of rows of a cloud are alike");
    }
    let n = x.len() as f64;
    let mean = |v: &[f64]| v.iter().sum::<f64>() / n;
    let (mean_x, mean_y) = (mean(x), mean(y));
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for (x, y) in x.iter().zip(y) {
        let (x, y) = (x - mean_x, y - mean_y);
        xx += x * x;
        yy += y * y;
        xy += x * y;
    }
    Ok((xy / xx.sqrt() / yy.sqrt()).clamp(-1.0, 1.0))
}

/// Computes Spearman's correlation in [-1, 1], Pearson's of the average ranks.
pub(crate) fn spearman(x: &[f64], y: &[f64]) -> Value {
    pearson(&average_ranks(x), &average_ranks(y))
}

/// Says whether not all values are the same, up to rounding.
fn varies(v: &[f64]) -> bool {
    let low = v.iter().copied().fold(f64::INFINITY, f64::min);
    let high = v.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    high - low > EQUAL * low.abs().max(high.abs())
}

/// Computes ranks from 1; values that follow each other within rounding share the average of their ranks.
pub(crate) fn average_ranks(v: &[f64]) -> Vec<f64> {
    let mut order: Vec<(f64, usize)> = v.iter().copied().zip(0..).collect();
    order.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let largest = v.iter().fold(0.0_f64, |largest, v| largest.max(v.abs()));
    let mut ranks = vec![0.0; v.len()];
    let mut before = 0;
    for run in order.chunk_by(|a, b| b.0 - a.0 <= EQUAL * largest) {
        for (_, i) in run {
            ranks[*i] = before as f64 + f64::midpoint(run.len() as f64, 1.0);
        }
        before += run.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn values_that_differ_by_rounding_share_their_rank() {
        assert_eq!(average_ranks(&[2.0, 1.0, 2.0 + 4e-16, -1e-16, 0.0]), vec![4.5, 3.0, 4.5, 1.5, 1.5]);
    }

    #[test]
    fn a_monotone_relation_has_spearman_one_and_a_lower_pearson() {
        let x: Vec<f64> = (0..20).map(f64::from).collect();
        let y: Vec<f64> = x.iter().map(|v| v.exp()).collect();
        assert!((spearman(&x, &y).unwrap() - 1.0).abs() < 1e-15);
        assert!(pearson(&x, &y).unwrap() < 0.7);
    }

    #[test]
    fn a_side_that_varies_by_rounding_alone_has_no_correlation() {
        assert!(pearson(&[1.0, 1.0 - 1e-16, 1.0], &[1.0, 2.0, 3.0]).unwrap_err().contains("alike"));
        assert!(spearman(&[1.0, 2.0, 3.0], &[0.3, 0.3 + 6e-17, 0.3]).unwrap_err().contains("alike"));
    }
}
