//! Fréchet distance of two clouds as normal distributions.

use isoscope_plugin_sdk::prelude::*;

use crate::{
    cross_moments::CrossMoments,
    principal_axes::PrincipalAxes,
    rows::squared_distance,
    svd::singular_values,
    value::{Value, at_least, same_width},
};

/// Computes `|Δμ|² + tr(S_A + S_B − 2 (S_A^½ S_B S_A^½)^½)` with covariances of divisor n − 1; the last trace
/// is the nuclear norm of `S_A^½ S_B^½`. A difference of the traces within their rounding counts as 0.
///
/// # Errors
/// [`Error::Failed`] when the host's linear algebra fails.
pub(crate) fn squared(
    linalg: Linalg,
    m: &CrossMoments,
    a: &PrincipalAxes,
    b: &PrincipalAxes,
) -> Result<Value> {
    if let Err(reason) = same_width(a.cols(), b.cols()).and_then(|()| at_least(2, m.n())) {
        return Ok(Err(reason));
    }
    let root = |axes: &PrincipalAxes| axes.scaled(axes.cols(), f64::sqrt);
    let product = linalg.matmul(root(a).view(), root(b).t())?;
    let nuclear: f64 = singular_values(linalg, product.view())?.iter().sum();
    let total = m.aa().trace() + m.bb().trace();
    let spread = total - 2.0 * nuclear;
    let noise = 16.0 * a.cols() as f64 * f64::EPSILON * total;
    let spread = if spread <= noise { 0.0 } else { spread / (m.n() - 1) as f64 };
    Ok(Ok(squared_distance(m.means().0, m.means().1) + spread))
}
