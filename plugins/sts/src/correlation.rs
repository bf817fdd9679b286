//! Correlation of two equally long lists.

/// Computes Pearson's correlation, or `None` when a side does not vary.
#[must_use]
pub fn pearson(x: &[f64], y: &[f64]) -> Option<f64> {
    let n = x.len().min(y.len()) as f64;
    let mean = |v: &[f64]| v.iter().sum::<f64>() / n;
    let (mean_x, mean_y) = (mean(x), mean(y));
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for (a, b) in x.iter().zip(y) {
        let (a, b) = (a - mean_x, b - mean_y);
        xx += a * a;
        yy += b * b;
        xy += a * b;
    }
    let (root_x, root_y) = (xx.sqrt(), yy.sqrt());
    (varies(x) && varies(y) && root_x > 0.0 && root_y > 0.0).then(|| (xy / root_x / root_y).clamp(-1.0, 1.0))
}

/// Computes Spearman's correlation, Pearson's of the average ranks, or `None` when a side does not vary.
#[must_use]
pub fn spearman(x: &[f64], y: &[f64]) -> Option<f64> {
    pearson(&average_ranks(x), &average_ranks(y))
}

/// Says whether not all values are the same.
#[must_use]
pub fn varies(v: &[f64]) -> bool {
    v.iter().copied().fold(f64::NEG_INFINITY, f64::max) > v.iter().copied().fold(f64::INFINITY, f64::min)
}

/// Computes ranks from 1; equal values share the average of their ranks.
#[must_use]
pub fn average_ranks(v: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..v.len()).collect();
    order.sort_unstable_by(|a, b| v[*a].total_cmp(&v[*b]));
    let mut ranks = vec![0.0; v.len()];
    let mut before = 0;
    for run in order.chunk_by(|a, b| v[*b] <= v[*a]) {
        for j in run {
            ranks[*j] = before as f64 + f64::midpoint(run.len() as f64, 1.0);
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
    fn equal_values_share_their_average_rank() {
        assert_eq!(average_ranks(&[2.0, 1.0, 2.0, 0.0, -0.0]), vec![4.5, 3.0, 4.5, 1.5, 1.5]);
    }

    #[test]
    fn a_monotone_relation_has_spearman_one_and_a_lower_pearson() {
        let x: Vec<f64> = (0..20).map(f64::from).collect();
        let y: Vec<f64> = x.iter().map(|v| v.exp()).collect();
        assert!((spearman(&x, &y).unwrap() - 1.0).abs() < 1e-15);
        assert!(pearson(&x, &y).unwrap() < 0.7);
    }

    #[test]
    fn a_constant_side_has_no_correlation() {
        assert_eq!(pearson(&[0.1; 7], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]), None);
        assert_eq!(spearman(&[1.0, 2.0, 3.0], &[0.3; 3]), None);
    }
}
