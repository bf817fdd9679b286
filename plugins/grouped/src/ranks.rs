//! Spearman's correlation.

/// Computes Spearman's correlation with average ranks; `None` when a side does not vary.
pub(crate) fn spearman(x: &[f64], y: &[f64]) -> Option<f64> {
    let (x, y) = (centred_ranks(x), centred_ranks(y));
    let inner = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let norms = inner(&x, &x).sqrt() * inner(&y, &y).sqrt();
    (norms > 0.0).then(|| (inner(&x, &y) / norms).clamp(-1.0, 1.0))
}

/// Computes ranks minus their mean; equal values share the average of their ranks.
fn centred_ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let middle = (values.len() as f64 - 1.0) / 2.0;
    let mut before = 0;
    for ties in order.chunk_by(|a, b| values[*b] <= values[*a]) {
        let rank = before as f64 + (ties.len() as f64 - 1.0) / 2.0;
        for place in ties {
            ranks[*place] = rank - middle;
        }
        before += ties.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_share_their_rank() {
        assert_eq!(centred_ranks(&[2.0, 1.0, 2.0, 0.0, -0.0]), vec![1.5, 0.0, 1.5, -1.5, -1.5]);
    }

    #[test]
    fn a_monotone_relation_has_correlation_one_and_a_constant_side_none() {
        let x: Vec<f64> = (0..20).map(f64::from).collect();
        let y: Vec<f64> = x.iter().map(|v| -v.exp()).collect();
        assert!(spearman(&x, &y).is_some_and(|rho| (rho + 1.0).abs() < 1e-15));
        assert_eq!(spearman(&x, &[0.1; 20]), None);
    }
}
