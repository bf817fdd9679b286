//! The sums over unit vectors that the cosines are functions of.

use isoscope_plugin_sdk::prelude::*;

/// Reason given when no cosine can be formed.
pub(crate) const FEW_ROWS: &str = "fewer than 2 rows of non-zero norm";

/// Returns the number `m` of rows of non-zero norm.
pub(crate) fn directed_rows(m: &Moments<'_>, direction: &Direction<'_>) -> u64 {
    m.n().saturating_sub(direction.zero_rows)
}

/// Computes the inner product.
pub(crate) fn inner(a: &ArrayView1<'_, f64>, b: &ArrayView1<'_, f64>) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Computes `(‖s‖² - m) / (m (m - 1))`, the mean cosine over all pairs of `m >= 2` unit vectors with sum `s`.
pub(crate) fn mean_cosine(square_of_sum: f64, m: f64) -> f64 {
    ((square_of_sum - m) / (m * (m - 1.0))).clamp(-1.0, 1.0)
}
