//! When moments say nothing, and why.

use isoscope_plugin_sdk::prelude::*;

/// Total scatter, relative to `n |mean|^2`, below which rows count as equal: the square of the rounding error of a mean
/// in double precision, with room to spare, and far below the smallest difference between two single-precision rows.
const EQUAL_ROWS: f64 = 1e-26;

/// Reason given when there are too few rows.
pub(crate) const FEW_ROWS: &str = "fewer than 2 rows";

/// Says why nothing of second order is defined, if so.
pub(crate) fn second_order(m: &Moments<'_>) -> Option<&'static str> {
    if m.n() < 2 {
        return Some(FEW_ROWS);
    }
    let scatter = m.scatter().diag().sum();
    (scatter <= EQUAL_ROWS * m.n() as f64 * squared_norm(&m.mean())).then_some("every row is equal")
}

/// Computes the squared Euclidean norm.
pub(crate) fn squared_norm(x: &ArrayView1<'_, f64>) -> f64 {
    x.iter().map(|v| v * v).sum()
}
