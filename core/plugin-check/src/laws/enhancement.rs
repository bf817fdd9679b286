//! Enhancements: rows are mapped one by one, and the affine form is the map.

use isoscope_plugin_host::AffineMap;
use ndarray::ArrayView2;

use crate::breach::{Breach, HOLDS, Judged, broken, does_not_apply};
use crate::cut::{Cut, Merging};
use crate::drive::{Subject, mapped};
use crate::report::TOLERANCE;

fn is_enhancement(subject: &Subject) -> Result<(), Breach> {
    if subject.is_enhancement() { Ok(()) } else { does_not_apply("the op is no enhancement") }
}

/// The first place where two lists of numbers differ by more than rounding.
fn far(one: &[f64], two: &[f64]) -> Option<(usize, f64, f64)> {
    let close = |a: f64, b: f64| (a - b).abs() <= TOLERANCE * a.abs().max(b.abs()).max(1.0);
    let mut pairs = one.iter().zip(two).enumerate();
    pairs.find(|(_, (a, b))| !close(**a, **b)).map(|(i, (a, b))| (i, *a, *b))
}

/// apply(batch) = apply row by row.
pub(crate) fn row_by_row(subject: &Subject) -> Judged {
    is_enhancement(subject)?;
    let cloud = subject.cloud();
    let op = subject.open(&cloud.widths(), "{}")?;
    let measured = subject.run(&op, &cloud, &Cut::whole(&cloud))?;
    let whole = mapped(&op, &measured.model, &cloud, &Cut::whole(&cloud))?;
    let single = mapped(&op, &measured.model, &cloud, &Cut::of(&cloud, 1, 1, Merging::Tree))?;
    match far(&whole, &single) {
        Some((place, a, b)) => {
            let row = place / (whole.len() / cloud.len()).max(1);
            broken(format!("row {row} maps to {a} in a batch and to {b} alone"))
        }
        None => HOLDS,
    }
}

/// affine(model) = apply.
pub(crate) fn affine(subject: &Subject) -> Judged {
    is_enhancement(subject)?;
    let cloud = subject.cloud();
    let op = subject.open(&cloud.widths(), "{}")?;
    let measured = subject.run(&op, &cloud, &Cut::whole(&cloud))?;
    let Some(map) = op.affine(&measured.model, cloud.widths()[0])? else {
        return does_not_apply("the op offers no affine form");
    };
    let applied = mapped(&op, &measured.model, &cloud, &Cut::whole(&cloud))?;
    match far(&applied, &map_rows(cloud.rows(0), &map)) {
        Some((place, a, b)) => {
            let (row, column) = (place / map.rows, place % map.rows);
            broken(format!("row {row}, column {column}: apply gives {a}, the affine form {b}"))
        }
        None => HOLDS,
    }
}

/// y = a·x + c for every row.
fn map_rows(rows: ArrayView2<'_, f64>, map: &AffineMap) -> Vec<f64> {
    let of_row = |row: ndarray::ArrayView1<'_, f64>| {
        let line = |k: usize| map.a[k * map.cols..(k + 1) * map.cols].iter().zip(row).map(|(a, x)| a * x);
        (0..map.rows).map(|k| line(k).sum::<f64>() + map.c[k]).collect::<Vec<_>>()
    };
    rows.outer_iter().flat_map(of_row).collect()
}
