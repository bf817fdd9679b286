//! An op of the catalogue in words. The command line and the page docs/metrics.md are made of the same words.

use isoscope_core::catalogue::{Kind, Needs, OpManifest, OutputManifest, Part, Shape};
use serde_json::Value;
use std::fmt::Write as _;

/// Headings of [`outputs`].
pub(crate) const OUTPUTS: [&str; 6] = ["value", "shape", "unit", "range", "better", "unchanged under"];

/// Headings of [`parameters`].
pub(crate) const PARAMETERS: [&str; 4] = ["parameter", "type", "default", "meaning"];

/// The kind of an op.
pub(crate) fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Metric => "metric",
        Kind::Enhancement => "enhancement",
        Kind::Evaluation => "evaluation",
        Kind::Probe => "probe",
        Kind::Comparison => "comparison",
    }
}

/// What an op must be given.
pub(crate) fn needs(needs: Needs) -> &'static str {
    match needs {
        Needs::Nothing => "nothing",
        Needs::Moments => "moments",
        Needs::Rows => "rows",
        Needs::MomentsThenRows => "moments, rows",
        Needs::Sample => "sample",
    }
}

/// The first sentence of a description.
pub(crate) fn summary(doc: &str) -> &str {
    let ends = |(at, _): &(usize, &str)| doc[at + 2..].chars().next().is_some_and(char::is_uppercase);
    doc.match_indices(". ").find(ends).map_or(doc, |(at, _)| &doc[..=at])
}

/// What it costs to have an op in a study.
pub(crate) fn cost(op: &OpManifest) -> String {
    let mut text = match op.needs {
        Needs::Nothing => "nothing is read to fit it".to_owned(),
        Needs::Moments => format!("moments: no cost per row beyond the shared reduction ({})", parts(op)),
        Needs::Rows => "rows: a pass over the rows of its own, or as many as the method takes".to_owned(),
        Needs::MomentsThenRows => {
            format!("moments ({}), then rows: one pass or more after the shared reduction", parts(op))
        }
        Needs::Sample => format!(
            "a sample of at most {} rows (parameter rows), held at once: up to O(N² d) for N rows of width d",
            default(op, "rows").map_or_else(|| "N".to_owned(), |rows| written(&rows))
        ),
    };
    if op.kind == Kind::Enhancement {
        text += if op.affine {
            "; affine, so the moments of the enhanced rows follow without a pass"
        } else {
            "; not affine, so the moments of the enhanced rows need a pass of their own"
        };
    }
    if op.views == 2 {
        text += "; of two clouds whose rows are the same";
    }
    text
}

fn parts(op: &OpManifest) -> String {
    let part = |part: &Part| match part {
        Part::Second => "mean and scatter",
        Part::Direction => "norms and unit vectors",
        Part::Shape => "extremes and higher powers",
    };
    let parts: Vec<&str> = op.parts.iter().map(part).collect();
    parts.join(", ")
}

/// The columns of the rows that an op reads; those that a parameter names are told with it. Empty when it reads none.
pub(crate) fn columns(op: &OpManifest) -> String {
    let column = |name: &String| match name.strip_prefix('$') {
        None => name.clone(),
        Some(parameter) => match default(op, parameter).as_ref().and_then(Value::as_str) {
            None | Some("") => format!("what the parameter {parameter} names, if anything"),
            Some(default) => format!("{default}, or what the parameter {parameter} names"),
        },
    };
    op.columns.iter().map(column).collect::<Vec<_>>().join("; ")
}

/// The values that an op reports, a line each; see [`OUTPUTS`].
pub(crate) fn outputs(op: &OpManifest) -> Vec<[String; 6]> {
    op.outputs
        .iter()
        .map(|output| {
            let range = output.range.clone();
            [
                output.id.clone(),
                shape(output),
                output.unit.clone(),
                range,
                better(output),
                output.invariant.join(", "),
            ]
        })
        .collect()
}

fn shape(output: &OutputManifest) -> String {
    match output.shape {
        Shape::Scalar => "number",
        Shape::Vector => "list",
        Shape::Object => "named numbers",
    }
    .to_owned()
}

/// Which values are better; empty when neither is.
pub(crate) fn better(output: &OutputManifest) -> String {
    if output.better == "neither" { String::new() } else { output.better.clone() }
}

/// The parameters of an op, a line each; see [`PARAMETERS`].
pub(crate) fn parameters(op: &OpManifest) -> Vec<[String; 4]> {
    let Some(properties) = op.params.get("properties").and_then(Value::as_object) else { return Vec::new() };
    properties
        .iter()
        .map(|(name, schema)| {
            let aliases = schema.get("x-aliases").and_then(Value::as_array);
            let aliases: Vec<&str> = aliases.into_iter().flatten().filter_map(Value::as_str).collect();
            let meaning = schema.get("description").and_then(Value::as_str).unwrap_or_default();
            let mut meaning = meaning.split_whitespace().collect::<Vec<_>>().join(" ");
            if !aliases.is_empty() {
                let _ = write!(meaning, " Also written {}.", aliases.join(", "));
            }
            let default = schema.get("default").map(written).unwrap_or_default();
            [name.clone(), type_of(schema), default, meaning]
        })
        .collect()
}

fn default(op: &OpManifest, parameter: &str) -> Option<Value> {
    op.params.get("properties")?.get(parameter)?.get("default").cloned()
}

fn written(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => format!("\"{text}\""),
        other => other.to_string(),
    }
}

fn type_of(schema: &Value) -> String {
    let (kind, optional) = match schema.get("type") {
        Some(Value::Array(kinds)) => {
            (kinds.first().and_then(Value::as_str), kinds.iter().any(|kind| kind == "null"))
        }
        Some(kind) => (kind.as_str(), false),
        None => (None, false),
    };
    let word = match kind {
        Some("boolean") => "true or false",
        Some("integer") => "whole number",
        Some("string") => "text",
        Some("array") => "numbers",
        Some(other) => other,
        None => "any",
    };
    if optional { format!("{word} or none") } else { word.to_owned() }
}
