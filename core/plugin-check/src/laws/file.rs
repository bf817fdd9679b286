//! Laws of the file: manifest, symbols, tables.

use std::collections::BTreeSet;
use std::path::Path;

use isoscope_core::catalogue::{Manifest, OpManifest};
use isoscope_plugin_host::{LoadError, Plugin, read_dynamic, read_manifest};
use serde_json::Value;

use crate::breach::{Breach, HOLDS, Judged, broken, does_not_apply};

/// The one symbol of a plugin.
const ENTRY: &str = "isoscope_plugin_entry_v1";

fn parsed(file: &Path) -> Result<Manifest, Breach> {
    let text = read_manifest(file)?;
    serde_json::from_str(&text).map_err(|error| Breach::Broken(format!("the manifest is wrong: {error}")))
}

/// The manifest is there once, is JSON, and names everything.
pub(crate) fn manifest(file: &Path) -> Judged {
    let text = read_manifest(file)?;
    let value: Value = serde_json::from_str(&text).unwrap_or_default();
    if value["abi"]["major"].as_u64().is_some_and(|major| major != 1) {
        return does_not_apply("it is that of another version of the ABI");
    }
    let manifest = parsed(file)?;
    if manifest.id.is_empty() || manifest.version.is_empty() {
        return broken("a plugin has an id and a version");
    }
    if manifest.ops.is_empty() {
        return broken("a plugin has at least one op");
    }
    unique("op", manifest.ops.iter().map(|op| op.id.as_str()))?;
    unique("output", manifest.ops.iter().flat_map(|op| &op.outputs).map(|output| output.id.as_str()))?;
    for op in &manifest.ops {
        if !(1..=2).contains(&op.views) {
            return broken(format!("op {} has {} views; an op reads one or two", op.id, op.views));
        }
        if op.doc.is_empty() {
            return broken(format!("op {} has no doc: say in a sentence what it computes", op.id));
        }
    }
    Ok(format!("{} {}, {} ops", manifest.id, manifest.version, manifest.ops.len()))
}

fn unique<'a>(what: &str, ids: impl Iterator<Item = &'a str>) -> Result<(), Breach> {
    let mut seen = BTreeSet::new();
    for id in ids {
        if id.is_empty() {
            return broken(format!("an {what} has no id"));
        }
        if !seen.insert(id) {
            return broken(format!("two {what}s have the id {id}"));
        }
    }
    Ok(())
}

/// Manifest and table speak our version.
pub(crate) fn abi_version(file: &Path) -> Judged {
    match Plugin::load(file) {
        Err(error @ (LoadError::WrongMajor { .. } | LoadError::NewerMinor { .. })) => {
            broken(error.to_string())
        }
        _ => HOLDS,
    }
}

/// Schemas of parameters say a type and a default of it, and let nothing else in.
pub(crate) fn schemas(file: &Path) -> Judged {
    for op in parsed(file)?.ops {
        schema(&op)?;
    }
    HOLDS
}

fn schema(op: &OpManifest) -> Result<(), Breach> {
    let params = &op.params;
    if params["type"] != "object" || params["additionalProperties"] != false {
        return broken(format!(
            "op {}: params must say \"type\":\"object\" and \"additionalProperties\":false",
            op.id
        ));
    }
    let Some(properties) = params["properties"].as_object() else {
        return broken(format!("op {}: params must have \"properties\", an object", op.id));
    };
    for (name, property) in properties {
        let types: Vec<&str> = match &property["type"] {
            Value::String(one) => vec![one],
            Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
            _ => return broken(format!("op {}: parameter {name} has no type", op.id)),
        };
        let Some(default) = property.get("default") else {
            return broken(format!("op {}: parameter {name} has no default", op.id));
        };
        if !types.iter().any(|kind| is_of(kind, default)) {
            let types = types.join(" or ");
            return broken(format!("op {}: the default of {name}, {default}, is no {types}", op.id));
        }
    }
    Ok(())
}

fn is_of(kind: &str, value: &Value) -> bool {
    match kind {
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        _ => false,
    }
}

/// The entry symbol is there.
pub(crate) fn entry_symbol(file: &Path) -> Judged {
    if read_dynamic(file)?.exported.iter().any(|name| name == ENTRY) {
        return HOLDS;
    }
    broken(format!("it exports no symbol {ENTRY}"))
}

/// Nothing else is exported.
pub(crate) fn no_other_symbol(file: &Path) -> Judged {
    const NAMED: usize = 3;
    let facts = read_dynamic(file)?;
    let others: Vec<&str> = facts.exported.iter().map(String::as_str).filter(|name| *name != ENTRY).collect();
    if others.is_empty() {
        return HOLDS;
    }
    let more =
        if others.len() > NAMED { format!(" and {} more", others.len() - NAMED) } else { String::new() };
    broken(format!(
        "it also exports {}{more}: make them static, or compile with -fvisibility=hidden",
        others[..others.len().min(NAMED)].join(", ")
    ))
}

/// No static thread-local storage.
pub(crate) fn static_tls(file: &Path) -> Judged {
    if read_dynamic(file)?.static_tls {
        return Err(LoadError::StaticTls { path: file.to_owned() }.into());
    }
    HOLDS
}

/// Tells the newest version of the C library that is asked for.
pub(crate) fn glibc(file: &Path) -> Judged {
    Ok(match read_dynamic(file)?.newest_glibc {
        Some((major, minor)) => format!("needs glibc {major}.{minor} or newer"),
        None => "needs no version of glibc".to_owned(),
    })
}

/// Every symbol is found.
pub(crate) fn loads(file: &Path) -> Judged {
    match Plugin::load(file) {
        Err(error @ (LoadError::Open { .. } | LoadError::Io { .. } | LoadError::TooLarge { .. })) => {
            broken(error.to_string())
        }
        _ => HOLDS,
    }
}

/// The table answers the manifest of the section.
pub(crate) fn same_manifest(file: &Path) -> Judged {
    match Plugin::load(file) {
        Err(error @ LoadError::ManifestMismatch { .. }) => broken(error.to_string()),
        _ => HOLDS,
    }
}

/// The table has everything.
pub(crate) fn table(file: &Path) -> Judged {
    match Plugin::load(file) {
        Err(error @ LoadError::BadTable { .. }) => broken(error.to_string()),
        _ => HOLDS,
    }
}
