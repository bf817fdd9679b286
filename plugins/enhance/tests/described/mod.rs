//! The numbers by which golden values describe an enhanced matrix.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc)]

use isoscope_plugin_sdk::prelude::*;
use isoscope_plugin_sdk::testing::{moments_of, product};
use serde_json::Value;

fn row_cosine(y: &Array2<f64>, i: usize, j: usize) -> f64 {
    let (a, b) = (y.row(i), y.row(j));
    (&a * &b).sum() / ((&a * &a).sum() * (&b * &b).sum()).sqrt()
}

fn avg_cosine(y: &Array2<f64>) -> f64 {
    let (mut sum, mut m) = (Array1::<f64>::zeros(y.ncols()), 0.0);
    for row in y.rows() {
        let norm = (&row * &row).sum().sqrt();
        if norm > 0.0 {
            sum.scaled_add(1.0 / norm, &row);
            m += 1.0;
        }
    }
    ((&sum * &sum).sum() - m) / (m * (m - 1.0))
}

fn isoscore(y: &Array2<f64>) -> f64 {
    let moments = moments_of(y);
    let scatter = moments.view().scatter().to_owned();
    let ratio = scatter.diag().sum().powi(2) / scatter.iter().map(|s| s * s).sum::<f64>();
    (ratio - 1.0) / (y.ncols() as f64 - 1.0)
}

/// Isotropy of the rows as they are, over both signs of the eigenvectors.
pub(crate) fn log_i_pm(y: &Array2<f64>) -> f64 {
    let moments = moments_of(y);
    let p = product(y.view(), moments.view().second_moment_eigen().unwrap().vectors.t());
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for column in p.columns() {
        for sign in [1.0, -1.0] {
            let top = column.iter().fold(f64::NEG_INFINITY, |m, v| m.max(sign * v));
            let z = top + column.iter().map(|v| (sign * v - top).exp()).sum::<f64>().ln();
            (low, high) = (low.min(z), high.max(z));
        }
    }
    low - high
}

/// Compares every number that the golden value gives for an enhanced matrix.
pub(crate) fn compare(what: &str, golden: &Value, y: &Array2<f64>) {
    let (rtol, atol) = (golden["rtol"].as_f64().unwrap(), golden["atol"].as_f64().unwrap());
    let check = |name: &str, found: f64, golden: &Value| {
        let golden = golden.as_f64().unwrap();
        assert!(
            (found - golden).abs() <= rtol * golden.abs() + atol,
            "{what} {name}: {found}, golden {golden}"
        );
    };
    for (name, value) in golden["value"].as_object().unwrap() {
        match name.as_str() {
            "fro" => check(name, y.iter().map(|v| v * v).sum::<f64>().sqrt(), value),
            "avg_cosine" => check(name, avg_cosine(y), value),
            "isoscore" => check(name, isoscore(y), value),
            "cos_rows_0_1" => check(name, row_cosine(y, 0, 1), value),
            "cos_rows_2_3" => check(name, row_cosine(y, 2, 3), value),
            "log_I_pm" => check(name, log_i_pm(y), value),
            "row0_first4" => {
                for (j, value) in value.as_array().unwrap().iter().enumerate() {
                    check(&format!("{name}[{j}]"), y[[0, j]], value);
                }
            }
            other => panic!("{what}: the golden value has an unknown part {other}"),
        }
    }
}
