//! Clouds without an ordinary shape: a null with a reason, never a NaN, never a failure.

use isoscope_plugin_host::OpError;
use ndarray::{Array2, Axis};

use crate::Cloud;
use crate::breach::{Breach, HOLDS, Judged, broken};
use crate::cut::{Cut, Merging};
use crate::drive::Subject;

/// Runs the op over a cloud, cut in two where it can be. Data that admit no fit are a result of an enhancement, so it may answer
/// `ISO_FAILED`; everything else writes nulls.
fn survives(subject: &Subject, cloud: &Cloud, what: &str) -> Judged {
    let cut = Cut::of(cloud, 2, usize::MAX, Merging::Tree);
    match subject.evaluate(cloud, &cut) {
        Ok(measured) => {
            measured.report.refuse_nonfinite()?;
            HOLDS
        }
        Err(Breach::Op(OpError::Failed { message, .. })) if subject.is_enhancement() => {
            Ok(format!("no fit over {what}: {message}"))
        }
        Err(Breach::Op(error)) if subject.is_enhancement() => {
            broken(format!("over {what} the job would fail; answer ISO_FAILED with the reason: {error}"))
        }
        Err(Breach::Op(error)) => {
            broken(format!("over {what} the job would fail; write a null with the reason: {error}"))
        }
        Err(breach) => Err(breach),
    }
}

/// No rows.
pub(crate) fn no_rows(subject: &Subject) -> Judged {
    survives(subject, &Cloud::ordinary(&subject.op, 0, 1), "no rows")
}

/// One row.
pub(crate) fn one_row(subject: &Subject) -> Judged {
    survives(subject, &Cloud::ordinary(&subject.op, 1, 1), "one row")
}

/// Equal rows, and zero rows.
pub(crate) fn constant_rows(subject: &Subject) -> Judged {
    let ordinary = subject.cloud();
    let equal = ordinary.map(|rows| rows.select(Axis(0), &vec![0; rows.nrows()]));
    let zero = ordinary.map(|rows| Array2::zeros(rows.dim()));
    let remark = survives(subject, &equal, "equal rows")?;
    let other = survives(subject, &zero, "zero rows")?;
    Ok(if remark.is_empty() { other } else { remark })
}

/// Two rows, each many times.
pub(crate) fn duplicate_rows(subject: &Subject) -> Judged {
    let twos = |n: usize| (0..n).map(|i| (i / 2) % 2).collect::<Vec<_>>();
    let cloud = subject.cloud().map(|rows| rows.select(Axis(0), &twos(rows.nrows())));
    survives(subject, &cloud, "two rows many times")
}

/// Fewer rows than columns.
pub(crate) fn few_rows(subject: &Subject) -> Judged {
    survives(subject, &Cloud::ordinary(&subject.op, 3, 1), "fewer rows than columns")
}
