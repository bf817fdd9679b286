//! Multinomial logistic regression, trained to its minimum on sums over rows.
//!
//! The objective is Σ CE + (l2/2)‖W‖² with a free bias, in nats: strictly convex up to a shift of all biases, so its
//! minimum does not depend on how it was found. [`Sums`] are what a shard adds up at given weights; [`Fit`] turns merged
//! sums into the next weights. Rows enter centred ([`Space`]): with a free bias this changes no minimum, and it takes the
//! large mean of embeddings out of the conditioning.

mod curvature;
mod fit;
mod line_search;
mod memory;
mod probabilities;
mod space;
mod sums;

pub(crate) use fit::{Fit, Step};
pub(crate) use space::Space;
pub(crate) use sums::{Score, Sums};

/// Most values of a Hessian side, (d+1)·K, for which Newton's method is used; above it L-BFGS.
pub(crate) const NEWTON_LIMIT: usize = 300;

/// Most weights, (d+1)·K, that are trained: what a pass sends to every worker stays below 200 MiB.
pub(crate) const MOST_WEIGHTS: usize = 1 << 21;

/// Widest rows whose scatter is kept in full to scale the steps of L-BFGS; wider rows are scaled by dimension.
pub(crate) const FULL_SCATTER_LIMIT: usize = 1536;

/// Says why a problem cannot be trained, when it cannot: no classes, one class, or too many weights. `d` is the width.
pub(crate) fn untrainable(classes: &[String], d: usize) -> Option<String> {
    match classes {
        [] => Some("no training row has a label".to_owned()),
        [only] => Some(format!("all training rows have the label \"{only}\"")),
        _ if classes.len().saturating_mul(d + 1) > MOST_WEIGHTS => Some(format!(
            "{} classes of {d} dimensions need more than the {MOST_WEIGHTS} weights that are trained",
            classes.len()
        )),
        _ => None,
    }
}
