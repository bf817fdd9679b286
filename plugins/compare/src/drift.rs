//! How far one model moved from another in the same coordinates, as fine-tuning does.

use isoscope_plugin_sdk::prelude::*;
use ndarray::{Axis, Slice};

use crate::{
    cross_moments::CrossMoments,
    principal_axes::PrincipalAxes,
    rows::squared_distance,
    value::{Value, at_least, same_width, undefined},
};

/// Gap to the next eigenvalue, relative to the largest, below which the leading axes span an arbitrary
/// subspace.
const GAP: f64 = 1e-9;

/// Computes the distance of the means.
pub(crate) fn mean_shift(m: &CrossMoments) -> Value {
    same_width(m.widths().0, m.widths().1)?;
    at_least(1, m.n())?;
    Ok(squared_distance(m.means().0, m.means().1).sqrt())
}

/// Computes `‖U_Aᵀ U_B‖² / k` of the k leading principal axes of both clouds, in [0, 1].
///
/// # Errors
/// [`Error::Failed`] when the host's product fails.
pub(crate) fn subspace_overlap(
    linalg: Linalg,
    a: &PrincipalAxes,
    b: &PrincipalAxes,
    k: usize,
) -> Result<Value> {
    let spanned = same_width(a.cols(), b.cols()).and_then(|()| spans(a, k)).and_then(|()| spans(b, k));
    if let Err(reason) = spanned {
        return Ok(Err(reason));
    }
    let leading = |axes: &PrincipalAxes| axes.vectors.slice_axis(Axis(0), Slice::from(..k)).to_owned();
    let products = linalg.matmul(leading(a).view(), leading(b).t())?;
    Ok(Ok((products.iter().map(|v| v * v).sum::<f64>() / k as f64).min(1.0)))
}

/// Asks whether the k leading axes span one subspace and not the whole space.
fn spans(axes: &PrincipalAxes, k: usize) -> core::result::Result<(), String> {
    if k >= axes.cols() {
        return undefined(format!("{k} axes of {} dimensions overlap whatever they are", axes.cols()));
    }
    if k > axes.rank {
        return undefined(format!("a cloud has rank {}, less than {k}", axes.rank));
    }
    if axes.values[k - 1] - axes.values[k] <= GAP * axes.values[0] {
        return undefined(format!("eigenvalues {k} and {} of a cloud are equal within 1e-9", k + 1));
    }
    Ok(())
}
