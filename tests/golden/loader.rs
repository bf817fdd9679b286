//! The golden values of an independent implementation, and their comparison with what ops write.
//!
//! Plugin crates include this file in their tests by path. `golden.json` and the matrices lie beside it.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::missing_panics_doc)]

use std::path::PathBuf;

use isoscope_plugin_sdk::testing::{Collected, OwnedBatch, batch_of};
use ndarray::{Array1, Array2, Axis, Slice};
use serde_json::Value;

/// The matrices that the metrics of one cloud are compared on.
pub(crate) const INPUTS: [&str; 12] = [
    "iso_gauss",
    "elongated",
    "clustered",
    "rogue",
    "common_mean",
    "tiny",
    "lowrank",
    "degenerate",
    "constdim",
    "bertlike",
    "overflow",
    "bigmean",
];

/// A golden value that is not met to its own tolerance, by how much it may differ, and why.
pub(crate) struct Exception {
    pub(crate) input: &'static str,
    pub(crate) id: &'static str,
    pub(crate) atol: f64,
    pub(crate) why: &'static str,
}

fn path(file: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden")).join(file)
}

/// Reads a matrix of single-precision numbers.
pub(crate) fn matrix(name: &str) -> Array2<f64> {
    let rows: Array2<f32> = ndarray_npy::read_npy(path(&format!("{name}.npy"))).unwrap();
    rows.mapv(f64::from)
}

/// Reads a list of whole numbers.
pub(crate) fn integers(name: &str) -> Vec<i64> {
    let values: Array1<i32> = ndarray_npy::read_npy(path(&format!("{name}.npy"))).unwrap();
    values.iter().map(|v| i64::from(*v)).collect()
}

/// Reads a list of single-precision numbers.
pub(crate) fn floats(name: &str) -> Vec<f64> {
    let values: Array1<f32> = ndarray_npy::read_npy(path(&format!("{name}.npy"))).unwrap();
    values.iter().map(|v| f64::from(*v)).collect()
}

/// Reads the golden values of one input: id → value with tolerances.
pub(crate) fn values(input: &str) -> serde_json::Map<String, Value> {
    let text = std::fs::read_to_string(path("golden.json")).unwrap();
    let all: Value = serde_json::from_str(&text).unwrap();
    all["golden"][input].as_object().unwrap().clone()
}

/// Cuts a matrix into three shards of uneven batches.
pub(crate) fn shards(x: &Array2<f64>) -> Vec<Vec<OwnedBatch>> {
    let n = x.nrows();
    let cut = |from: usize, to: usize| {
        batch_of(&x.slice_axis(Axis(0), Slice::from(from..to)).to_owned()).first_row(from as u64)
    };
    let (a, b, c) = (n / 5, n / 3, 2 * n / 3);
    vec![vec![cut(0, a), cut(a, b)], vec![cut(b, c)], vec![cut(c, n)]]
}

/// Says where a found number lies relative to the tolerance; `None` when it agrees.
fn number(golden: &Value, found: Option<f64>, rtol: f64, atol: f64) -> Option<String> {
    let golden = golden.as_f64().unwrap();
    match found {
        None => Some(format!("no value, golden {golden}")),
        Some(found) if (found - golden).abs() <= rtol * golden.abs() + atol => None,
        Some(found) => Some(format!("{found}, golden {golden}")),
    }
}

fn numbers(golden: &[Value], found: Option<&[f64]>, rtol: f64, atol: f64) -> Option<String> {
    let Some(found) = found else { return Some("no values".to_owned()) };
    if found.len() != golden.len() {
        return Some(format!("{} values, golden {}", found.len(), golden.len()));
    }
    golden.iter().zip(found).enumerate().find_map(|(i, (golden, found))| {
        number(golden, Some(*found), rtol, atol).map(|e| format!("[{i}] {e}"))
    })
}

/// Compares one golden value with what was written; `None` when it agrees within the golden tolerance plus `extra`.
fn compare(id: &str, golden: &Value, found: &Collected, extra: f64) -> Option<String> {
    let rtol = golden["rtol"].as_f64().unwrap();
    let atol = golden["atol"].as_f64().unwrap() + extra;
    match &golden["value"] {
        Value::Array(values) => numbers(values, found.series(id), rtol, atol),
        Value::Object(parts) => parts.iter().find_map(|(part, value)| match value {
            Value::Array(values) => numbers(values, found.series_part(id, part), rtol, atol),
            value => number(value, found.part(id, part), rtol, atol),
        }),
        value => number(value, found.value(id), rtol, atol),
    }
}

/// Compares every golden value of a family on every input with what `run` writes, and answers how many were compared.
///
/// An exception that is not needed fails too, so the list stays true.
pub(crate) fn compare_family(
    prefix: &str,
    run: impl Fn(&Array2<f64>) -> Collected,
    exceptions: &[Exception],
) -> usize {
    let (mut compared, mut failures) = (0, Vec::new());
    for input in INPUTS {
        let found = run(&matrix(input));
        // Some values say of themselves that they depend on what LAPACK happens to return.
        let testable =
            |golden: &Value| golden["note"].as_str().is_none_or(|note| !note.contains("do not test"));
        let of_family = |(id, golden): &(&String, &Value)| id.starts_with(prefix) && testable(golden);
        for (id, golden) in values(input).iter().filter(of_family) {
            compared += 1;
            let exact = compare(id, golden, &found, 0.0);
            let exception = exceptions.iter().find(|e| e.input == input && e.id == id);
            match (exact, exception) {
                (None, None) => {}
                (None, Some(_)) => failures.push(format!("{input} {id}: the exception is not needed")),
                (Some(e), None) => failures.push(format!("{input} {id}: {e}")),
                (Some(_), Some(exception)) => {
                    if let Some(e) = compare(id, golden, &found, exception.atol) {
                        failures.push(format!("{input} {id}: {e} despite the exception ({})", exception.why));
                    }
                }
            }
        }
    }
    assert!(failures.is_empty(), "{} of {compared} differ:\n{}", failures.len(), failures.join("\n"));
    compared
}
