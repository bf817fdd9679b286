//! Parameters of ops, checked by name and type against the schemas in the manifests.

use crate::catalogue::OpManifest;
use crate::study::{Params, nearest};
use crate::violation::Violation;
use serde_json::Value;

/// Splits out the parameters that `op` knows.
pub(super) fn known_to(op: &OpManifest, params: &Params) -> Params {
    params
        .iter()
        .filter(|(name, _)| schema_of(op, name).is_some())
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect()
}

/// Reports parameters that none of `ops` knows, and values of a type that the op does not take.
pub(super) fn check(ops: &[&OpManifest], params: &Params, path: &str, found: &mut Vec<Violation>) {
    for (name, value) in params {
        let schemas: Vec<&Value> = ops.iter().filter_map(|op| schema_of(op, name)).collect();
        if schemas.is_empty() {
            found.push(Violation::new(format!("{path}.{name}"), unknown(ops, name)));
        }
        for schema in schemas {
            if let Some(expected) = mismatch(schema, value) {
                found.push(Violation::new(
                    format!("{path}.{name}"),
                    format!("expected {expected}, found {value}"),
                ));
            }
        }
    }
}

fn unknown(ops: &[&OpManifest], name: &str) -> String {
    let names: Vec<&str> = ops.iter().flat_map(|op| properties(op)).map(|(key, _)| key.as_str()).collect();
    match nearest(name, names.iter().copied()) {
        Some(near) => format!("unknown parameter; did you mean `{near}`?"),
        None if names.is_empty() => "unknown parameter; none is known here".to_owned(),
        None => format!("unknown parameter; known here: {}", names.join(", ")),
    }
}

fn properties(op: &OpManifest) -> impl Iterator<Item = (&String, &Value)> {
    op.params.get("properties").and_then(Value::as_object).into_iter().flatten()
}

fn schema_of<'a>(op: &'a OpManifest, name: &str) -> Option<&'a Value> {
    properties(op).find_map(|(key, schema)| {
        let alias = |a: &Value| a.as_str() == Some(name);
        let aliased =
            schema.get("x-aliases").and_then(Value::as_array).is_some_and(|list| list.iter().any(alias));
        (key == name || aliased).then_some(schema)
    })
}

/// Names what the schema expects when `value` is something else.
fn mismatch(schema: &Value, value: &Value) -> Option<String> {
    let expected: Vec<&str> = match schema.get("type")? {
        Value::String(one) => vec![one],
        Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
        _ => return None,
    };
    let fits = |kind: &&str| match *kind {
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        _ => true,
    };
    (!expected.iter().any(fits)).then(|| expected.join(" or "))
}
