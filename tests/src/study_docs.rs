//! The page `docs/studies.md`: its tables of keys are made of the doc comments of the study types, the rest is written by hand.

use isoscope_core::study::Study;
use serde_json::Value;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Line above the generated tables.
const BEGIN: &str =
    "<!-- keys: made of core/src/study/spec.rs by `cargo run -p isoscope-tests --bin study-docs` -->";
/// Line below them.
const END: &str = "<!-- end of keys -->";

/// Path of the page in the tree.
#[must_use]
pub fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests lie in the workspace")
        .join("docs/studies.md")
}

/// Puts fresh tables of keys in the place of those that `page` has.
///
/// # Panics
/// When the page has lost the lines between which they stand.
#[must_use]
pub fn renew(page: &str) -> String {
    let (before, rest) = page.split_once(BEGIN).expect("the page has the line above the keys");
    let (_, after) = rest.split_once(END).expect("the page has the line below the keys");
    format!("{before}{BEGIN}\n\n{}{END}{after}", keys())
}

/// Returns the first code block of `page` in the language named.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn example<'a>(page: &'a str, language: &str) -> &'a str {
    let (_, rest) = page.split_once(&format!("```{language}\n")).expect("the page has an example");
    rest.split_once("```").expect("the example ends").0
}

/// Renders the tables: that of the study, then each that it holds, followed by those inside it.
fn keys() -> String {
    let root = schemars::schema_for!(Study).to_value();
    let mut text = String::new();
    section(&mut text, "", "The study", &root, &root);
    text
}

fn section(text: &mut String, path: &str, title: &str, schema: &Value, root: &Value) {
    let table = follow(schema, root);
    let _ = writeln!(text, "### {title}\n\n{}\n", describe(table));
    rows(text, path, table, root);
    for (path, title, schema) in inner(path, table, root) {
        section(text, &path, &title, schema, root);
    }
}

/// The tables directly inside a table: path, heading, schema.
fn inner<'a>(path: &str, table: &'a Value, root: &'a Value) -> Vec<(String, String, &'a Value)> {
    let mut found = Vec::new();
    for (key, schema) in properties(table) {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        let (item, title) = match schema.get("items") {
            Some(item) => (item, format!("`[[{path}]]`")),
            None => (schema, format!("`[{path}]`")),
        };
        if follow(item, root).get("properties").is_some() {
            found.push((path, title, item));
        }
    }
    found
}

/// Writes the table of the keys of `table`.
fn rows(text: &mut String, path: &str, table: &Value, root: &Value) {
    text.push_str("| key | type | default | meaning |\n|---|---|---|---|\n");
    for (key, schema) in properties(table) {
        let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        let default = match schema.get("default") {
            _ if is_required(table, key) => "required".to_owned(),
            None | Some(Value::Null) => "–".to_owned(),
            Some(Value::Object(_)) => "see there".to_owned(),
            Some(value) => format!("`{value}`"),
        };
        let mut meaning = describe(schema);
        for (value, says) in choices(schema, root) {
            let _ = write!(meaning, "<br>{value}: {says}");
        }
        let _ = writeln!(text, "| `{path}` | {} | {default} | {meaning} |", kind(schema, root));
    }
    if table.get("additionalProperties") != Some(&Value::Bool(false)) {
        let prefix = if path.is_empty() { String::new() } else { format!("{path}.") };
        let _ = writeln!(text, "| `{prefix}*` | as the op says | the op's own | A parameter of the op. |");
    }
    text.push('\n');
}

/// The keys of a table: those that are required first, each part in order of names.
fn properties(table: &Value) -> Vec<(&String, &Value)> {
    let listed = table.get("properties").and_then(Value::as_object);
    let mut keys: Vec<_> = listed.into_iter().flatten().collect();
    keys.sort_by_key(|(key, _)| !is_required(table, key));
    keys
}

fn is_required(table: &Value, key: &str) -> bool {
    table.get("required").and_then(Value::as_array).is_some_and(|names| names.iter().any(|name| name == key))
}

fn pointer(schema: &Value) -> Option<&str> {
    schema.get("$ref").and_then(Value::as_str)
}

fn follow<'a>(schema: &'a Value, root: &'a Value) -> &'a Value {
    let named = pointer(schema).and_then(|name| root.pointer(name.trim_start_matches('#')));
    named.map_or(schema, |named| follow(named, root))
}

/// The doc comment of a schema as one line.
fn describe(schema: &Value) -> String {
    let text = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}

/// The alternatives of a schema but for `null`, or the schema itself.
fn alternatives<'a>(schema: &'a Value, root: &'a Value) -> Vec<&'a Value> {
    let schema = follow(schema, root);
    let listed = ["anyOf", "oneOf"].iter().find_map(|key| schema.get(*key)).and_then(Value::as_array);
    match listed {
        None => vec![schema],
        Some(listed) => {
            let real = listed.iter().filter(|one| one.get("type") != Some(&Value::from("null")));
            real.flat_map(|one| alternatives(one, root)).collect()
        }
    }
}

/// The documented values of a key: how each is written, and what it means.
fn choices(schema: &Value, root: &Value) -> Vec<(String, String)> {
    let schema = follow(schema, root);
    let of = schema.get("items").unwrap_or(schema);
    let found = alternatives(of, root).into_iter();
    let named = found
        .map(|one| (one.get("const").map_or_else(|| kind(one, root), |c| format!("`{c}`")), describe(one)));
    let all: Vec<_> = named.collect();
    let has_words = alternatives(of, root).iter().any(|one| one.get("const").is_some());
    if has_words { all } else { Vec::new() }
}

/// The type of a value in words.
fn kind(schema: &Value, root: &Value) -> String {
    let schema = follow(schema, root);
    let many = alternatives(schema, root);
    if many.len() > 1 {
        let mut kinds: Vec<String> = many.into_iter().map(|one| kind(one, root)).collect();
        kinds.dedup();
        return kinds.join(" or ");
    }
    let schema = many.first().copied().unwrap_or(schema);
    let named = match schema.get("type") {
        Some(Value::Array(types)) => types.iter().find_map(Value::as_str).unwrap_or_default(),
        Some(Value::String(one)) => one.as_str(),
        _ => "",
    };
    match named {
        "array" => {
            format!("list of {}", schema.get("items").map_or("values".to_owned(), |item| plural(item, root)))
        }
        "integer" => "whole number".to_owned(),
        "string" => "text".to_owned(),
        "boolean" => "true or false".to_owned(),
        "object" => "table".to_owned(),
        "" => "any value".to_owned(),
        other => other.to_owned(),
    }
}

fn plural(item: &Value, root: &Value) -> String {
    match kind(item, root).as_str() {
        "text" => "texts".to_owned(),
        "table" => "tables".to_owned(),
        "whole number" => "whole numbers".to_owned(),
        other => other.to_owned(),
    }
}
