//! What an estimator answers.

use isoscope_plugin_sdk::prelude::*;

/// A value, or why there is none.
pub type Estimate = core::result::Result<f64, String>;

/// The reason for which no ratio of distances is defined.
pub(crate) const ALL_DUPLICATES: &str = "every row has a duplicate, so no ratio of distances is defined";

/// Writes the value or the reason.
pub(crate) fn write(out: &mut Out<'_>, id: &str, estimate: Estimate) -> Result<()> {
    match estimate {
        Ok(value) => out.value(id, value),
        Err(reason) => out.null(id, &reason),
    }
}

/// Averages local estimates. A row whose estimate is infinite, because its neighbours are equally far, leaves no mean.
pub(crate) fn mean_of_local(local: impl Iterator<Item = f64>) -> Estimate {
    let (mut rows, mut infinite, mut sum) = (0_u64, 0_u64, 0.0);
    for dimension in local {
        rows += 1;
        if dimension.is_finite() {
            sum += dimension;
        } else {
            infinite += 1;
        }
    }
    match (rows, infinite) {
        (0, _) => Err(ALL_DUPLICATES.to_owned()),
        (_, 0) => Ok(sum / rows as f64),
        _ => {
            Err(format!("{infinite} of {rows} rows have equally far neighbours: an infinite local dimension"))
        }
    }
}
