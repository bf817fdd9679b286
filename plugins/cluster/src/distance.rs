//! The squared Euclidean distance of two rows, the same bits whatever batch the rows came in.

use multiversion::multiversion;

/// Partial sums of one distance. Their number is part of the result: it fixes the order of the additions.
const LANES: usize = 8;

/// Computes `|a - b|²` in a fixed order of operations, without fused multiply-add.
#[multiversion(targets("x86_64+avx512f+avx512dq", "x86_64+avx2"))]
pub(crate) fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; LANES];
    let (a_chunks, a_rest) = a.as_chunks::<LANES>();
    let (b_chunks, b_rest) = b.as_chunks::<LANES>();
    for (x, y) in a_chunks.iter().zip(b_chunks) {
        for lane in 0..LANES {
            let difference = x[lane] - y[lane];
            sums[lane] += difference * difference;
        }
    }
    for (sum, (x, y)) in sums.iter_mut().zip(a_rest.iter().zip(b_rest)) {
        *sum += (x - y) * (x - y);
    }
    sums.iter().sum()
}

/// Computes `|a|²` likewise.
pub(crate) fn squared_norm(a: &[f64]) -> f64 {
    a.iter().map(|x| x * x).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_width_agrees_with_the_plain_sum() {
        for d in 0..40 {
            let a: Vec<f64> = (0..d).map(|j| f64::from(j * j % 7) - 2.5).collect();
            let b: Vec<f64> = (0..d).map(|j| f64::from(j % 5) * 0.25).collect();
            let plain: f64 = a.iter().zip(&b).map(|(x, y)| (x - y).powi(2)).sum();
            assert!((squared_distance(&a, &b) - plain).abs() <= 1e-13 * plain, "{d}");
        }
    }

    #[test]
    fn equal_rows_are_at_distance_zero() {
        let a = [0.1, 1e30, -3.0, 1e-30, 7.0, 0.3, 0.7, 11.0, 1.1];
        assert_eq!(squared_distance(&a, &a).to_bits(), 0);
    }
}
