//! Holm's correction of p-values for many tests.

/// Corrects p-values in place of order: the i-th smallest of m, from 0, is multiplied by m − i, made no smaller than the ones before
/// it and no larger than 1 (Holm 1979, Scandinavian Journal of Statistics 6, 65–70). The family-wise error holds whatever the
/// dependence between the tests.
pub(crate) fn holm(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    let mut corrected = vec![0.0; p.len()];
    let mut least: f64 = 0.0;
    for (i, &at) in order.iter().enumerate() {
        least = least.max(p[at] * (p.len() - i) as f64).min(1.0);
        corrected[at] = least;
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::holm;
    use approx::assert_abs_diff_eq;

    #[test]
    fn the_smallest_is_multiplied_by_the_number_of_tests_and_none_overtakes_another() {
        // R: p.adjust(c(0.01, 0.04, 0.03, 0.005), "holm")
        for (found, expected) in holm(&[0.01, 0.04, 0.03, 0.005]).into_iter().zip([0.03, 0.06, 0.06, 0.02]) {
            assert_abs_diff_eq!(found, expected, epsilon = 1e-15);
        }
    }

    #[test]
    fn nothing_exceeds_one_and_equal_values_stay_equal() {
        assert_eq!(holm(&[0.9, 0.9, 0.6]), [1.0, 1.0, 1.0]);
        let equal = holm(&[0.01, 0.01]);
        assert_abs_diff_eq!(equal[0], equal[1], epsilon = 0.0);
        assert!(holm(&[]).is_empty());
    }
}
