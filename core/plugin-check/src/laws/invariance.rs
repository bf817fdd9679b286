//! Declared invariances: what the manifest promises of an output holds.

use ndarray::{Array1, Array2, ArrayView2};

use crate::Cloud;
use crate::breach::{HOLDS, Judged, does_not_apply};
use crate::cut::Cut;
use crate::drive::Subject;
use crate::report::INVARIANCE;

/// Compares what is declared `invariant` over the ordinary cloud and over a changed one.
fn unchanged(subject: &Subject, invariant: &str, change: impl Fn(&Cloud) -> Cloud) -> Judged {
    let declares = |metric: &str| {
        let mut outputs = subject.op.outputs.iter();
        outputs.any(|output| output.covers(metric) && output.invariant.iter().any(|known| known == invariant))
    };
    if !subject.op.outputs.iter().any(|output| output.invariant.iter().any(|known| known == invariant)) {
        return does_not_apply(format!("no output is declared invariant to {invariant}"));
    }
    let cloud = subject.cloud();
    let changed = change(&cloud);
    let before = subject.evaluate(&cloud, &Cut::whole(&cloud))?.report.filtered(declares);
    let after = subject.evaluate(&changed, &Cut::whole(&changed))?.report.filtered(declares);
    before.same(&after, INVARIANCE, &format!("though it is declared invariant to {invariant}"))?;
    HOLDS
}

/// Every row times the same orthogonal matrix.
pub(crate) fn rotation(subject: &Subject) -> Judged {
    unchanged(subject, "rotation", |cloud| cloud.map(|rows| rotated(&rows)))
}

/// The same vector added to every row.
pub(crate) fn translation(subject: &Subject) -> Judged {
    let shift = |rows: ArrayView2<'_, f64>| &rows + &Array1::from_shape_fn(rows.ncols(), |j| 1.5 - j as f64);
    unchanged(subject, "translation", |cloud| cloud.map(shift))
}

/// Every row times the same positive number.
pub(crate) fn scale(subject: &Subject) -> Judged {
    unchanged(subject, "scale", |cloud| cloud.map(|rows| &rows * 3.0))
}

/// Another order of the rows.
pub(crate) fn permutation(subject: &Subject) -> Judged {
    unchanged(subject, "permutation", Cloud::permuted)
}

/// Turns rows in the plane of each two neighbouring columns, by another angle each.
fn rotated(rows: &ArrayView2<'_, f64>) -> Array2<f64> {
    let mut rows = rows.to_owned();
    for j in 1..rows.ncols() {
        let (sin, cos) = (0.4 + j as f64).sin_cos();
        for mut row in rows.rows_mut() {
            let (x, y) = (row[j - 1], row[j]);
            row[j - 1] = cos * x - sin * y;
            row[j] = sin * x + cos * y;
        }
    }
    rows
}
