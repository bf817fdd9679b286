//! Unknown keys: each is reported with the nearest key that the study's schema knows at that place.

use crate::violation::Violation;
use serde_json::{Map, Value};

/// Similarity below which two keys are not thought to be the same word.
const ALIKE: f64 = 0.7;

/// Walks `value` beside its JSON Schema and reports every key that the schema does not know.
pub(super) fn unknown(value: &Value, schema: &Value) -> Vec<Violation> {
    let mut found = Vec::new();
    walk(value, schema, schema, "", &mut found);
    found
}

fn walk(value: &Value, schema: &Value, root: &Value, path: &str, found: &mut Vec<Violation>) {
    let schema = resolve(schema, root);
    match value {
        Value::Object(entries) => walk_object(entries, schema, root, path, found),
        Value::Array(items) => {
            if let Some(item_schema) = schema.get("items") {
                for (i, item) in items.iter().enumerate() {
                    walk(item, item_schema, root, &format!("{path}[{i}]"), found);
                }
            }
        }
        _ => {}
    }
}

fn walk_object(
    entries: &Map<String, Value>,
    schema: &Value,
    root: &Value,
    path: &str,
    found: &mut Vec<Violation>,
) {
    let Some(known) = schema.get("properties").and_then(Value::as_object) else { return };
    let open = schema.get("additionalProperties") != Some(&Value::Bool(false));
    for (key, value) in entries {
        let place = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match known.get(key) {
            Some(schema) => walk(value, schema, root, &place, found),
            None if open => {}
            None => found.push(Violation::new(place, complaint(key, known))),
        }
    }
}

fn complaint(key: &str, known: &Map<String, Value>) -> String {
    match nearest(key, known.keys().map(String::as_str)) {
        Some(near) => format!("unknown key; did you mean `{near}`?"),
        None => format!("unknown key; known here: {}", known.keys().cloned().collect::<Vec<_>>().join(", ")),
    }
}

/// Finds the candidate most like `word`, if any is alike at all.
pub(crate) fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(similarity, _)| *similarity >= ALIKE)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

/// Follows references, and the one real alternative of an optional field.
fn resolve<'a>(mut schema: &'a Value, root: &'a Value) -> &'a Value {
    loop {
        let next = if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            reference.strip_prefix('#').and_then(|pointer| root.pointer(pointer))
        } else {
            schema.get("anyOf").and_then(Value::as_array).and_then(|options| {
                options.iter().find(|option| option.get("type") != Some(&Value::String("null".into())))
            })
        };
        match next {
            Some(next) => schema = next,
            None => return schema,
        }
    }
}
