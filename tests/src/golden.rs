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
        _ => {
            let (Some(a), Some(b)) = (found.as_f64(), want.as_f64()) else {
                return Some(format!("{path}: {found}, want {want}"));
            };
            let within = (a - b).abs() <= golden.rtol * b.abs() + golden.atol;
            (!within).then(|| format!("{path}: {a}, want {b}, off by {:e}", (a - b).abs()))
        }
    }
}
