//! Golden values from independent implementations, and what counts as agreement with them.

use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// One golden value.
#[derive(Debug, Deserialize)]
pub struct Golden {
    /// A number, an array or an object of both.
    pub value: Value,
    /// Relative tolerance.
    pub rtol: f64,
    /// Absolute tolerance.
    pub atol: f64,
    /// A remark; some say that the value must not be tested.
    #[serde(default)]
    pub note: String,
}

#[derive(Deserialize)]
struct File {
    golden: BTreeMap<String, BTreeMap<String, Golden>>,
}

/// Folder of the golden values in the tree.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden")
}

/// Reads all golden values, by input and metric id.
///
/// # Panics
/// When they are not in the tree.
#[must_use]
pub fn all() -> BTreeMap<String, BTreeMap<String, Golden>> {
    let text = std::fs::read_to_string(folder().join("golden.json"))
        .expect("tests/golden/golden.json is in the tree");
    serde_json::from_str::<File>(&text).expect("golden.json is well-formed").golden
}

/// A golden value that is met to another tolerance than its own, and why.
#[derive(Debug)]
pub struct Exception {
    /// Input.
    pub input: &'static str,
    /// Id of the metric.
    pub id: &'static str,
    /// Relative tolerance in place of the golden one.
    pub rtol: f64,
    /// Absolute tolerance likewise.
    pub atol: f64,
    /// Why the golden value cannot be met.
    pub why: &'static str,
}

const ILL_CONDITIONED: &str = "eigenvectors of a cloud with a mean of 1e4 are known to 1e-6 only";
const TIE: &str = "several numbers of directions are equally good up to rounding; the least is taken";
const NOISE: &str =
    "rounding noise of single-precision input is counted as 0, where the golden value sees it";

/// All of them.
pub const EXCEPTIONS: [Exception; 7] = [
    Exception { input: "bigmean", id: "partition.logZ_plus", rtol: 5e-6, atol: 0.0, why: ILL_CONDITIONED },
    Exception { input: "bigmean", id: "partition.logZ_minus", rtol: 5e-6, atol: 0.0, why: ILL_CONDITIONED },
    Exception { input: "elongated", id: "partition.nulling_argmax", rtol: 0.0, atol: 2.0, why: TIE },
    Exception { input: "lowrank", id: "partition.nulling_argmax", rtol: 0.0, atol: 4.0, why: TIE },
    Exception { input: "lowrank", id: "spectrum.effective_rank_raw", rtol: 1e-5, atol: 0.0, why: NOISE },
    Exception { input: "lowrank", id: "spectrum.effective_rank_centered", rtol: 1e-5, atol: 0.0, why: NOISE },
    Exception { input: "lowrank", id: "spectrum.rankme", rtol: 1e-5, atol: 0.0, why: NOISE },
];

/// Says how a found value fails its golden value, exceptions considered; one that is not needed is a failure too.
#[must_use]
pub fn failure(input: &str, id: &str, found: &Value, want: &Golden) -> Option<String> {
    let exact = disagreement(found, want);
    let Some(exception) = EXCEPTIONS.iter().find(|e| e.input == input && e.id == id) else {
        return exact.map(|why| format!("{input} {id}{why}"));
    };
    if exact.is_none() {
        return Some(format!("{input} {id}: the exception is not needed"));
    }
    let (value, note) = (want.value.clone(), String::new());
    let wider = Golden { value, rtol: exception.rtol, atol: exception.atol, note };
    disagreement(found, &wider).map(|why| format!("{input} {id}{why}, although {}", exception.why))
}

impl Golden {
    /// Tells whether the value says of itself that it must not be tested: it depends on what a LAPACK happens to return.
    #[must_use]
    pub fn is_untestable(&self) -> bool {
        self.note.contains("do not test")
    }

    /// Takes one part of an object, with the tolerances of the whole.
    #[must_use]
    pub fn part(&self, part: &str) -> Self {
        Self { value: self.value[part].clone(), rtol: self.rtol, atol: self.atol, note: String::new() }
    }
}

/// Describes the first disagreement between `found` and a golden value, if there is one.
#[must_use]
pub fn disagreement(found: &Value, golden: &Golden) -> Option<String> {
    differ(found, &golden.value, golden, "")
}

fn differ(found: &Value, want: &Value, golden: &Golden, path: &str) -> Option<String> {
    match want {
        Value::Array(items) => {
            let Some(others) = found.as_array() else { return Some(format!("{path}: {found} is no array")) };
            if others.len() != items.len() {
                return Some(format!("{path}: {} values, want {}", others.len(), items.len()));
            }
            let mut pairs = others.iter().zip(items).enumerate();
            pairs.find_map(|(i, (a, b))| differ(a, b, golden, &format!("{path}[{i}]")))
        }
        Value::Object(entries) => {
            let mut entries = entries.iter();
            entries.find_map(|(key, b)| {
                let place = format!("{path}.{key}");
                found.get(key).map_or(Some(format!("{place} is missing")), |a| differ(a, b, golden, &place))
            })
        }
        Value::String(reason) => (found != want).then(|| format!("{path}: {found}, want {reason}")),
        _ => {
            let (Some(a), Some(b)) = (found.as_f64(), want.as_f64()) else {
                return Some(format!("{path}: {found}, want {want}"));
            };
            let within = (a - b).abs() <= golden.rtol * b.abs() + golden.atol;
            (!within).then(|| format!("{path}: {a}, want {b}, off by {:e}", (a - b).abs()))
        }
    }
}
