//! Measurements of one cloud as a list of values, each shaped as its metric is: a number, an array or an object.

use comfy_table::{Table, presets};
use isoscope_core::result::{CurvePoint, EMPTY, Measurement, NO_ERROR, OK};
use serde::Serialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// One metric of one cloud.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct MetricValue {
    /// Id of the metric.
    pub(crate) id: String,
    /// A number, an array, an object of both, or null.
    pub(crate) value: Value,
    /// `ok`, or the reason for the null; of an object that has some of its parts only, those that are missing, with the reason of each.
    pub(crate) status: String,
    /// Standard error where one was estimated, shaped as the value; else null.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub(crate) std_err: Value,
    /// How it was estimated, e.g. `jackknife(16)`, or `none`.
    pub(crate) std_err_kind: String,
    /// Observations behind the value.
    pub(crate) n: u64,
}

/// Joins numbers and points of curves into one value a metric, in order of id.
pub(crate) fn values(rows: &[Measurement], points: &[CurvePoint]) -> Vec<MetricValue> {
    let mut joined: BTreeMap<&str, MetricValue> = BTreeMap::new();
    let mut missing: BTreeMap<&str, Vec<(&str, &str)>> = BTreeMap::new();
    for row in rows {
        let entry = entry(&mut joined, &row.key.metric, &row.status, row.n);
        if row.value.is_none() {
            missing.entry(&row.key.metric).or_default().push((&row.part, &row.status));
        }
        if let Some(error) = row.std_err {
            place(&mut entry.std_err, &row.part, json!(error));
            entry.std_err_kind.clone_from(&row.std_err_kind);
        }
        place(&mut entry.value, &row.part, row.value.map_or(Value::Null, number));
    }
    let mut curves: BTreeMap<(&str, &str), Vec<&CurvePoint>> = BTreeMap::new();
    for point in points {
        curves.entry((&point.key.metric, &point.part)).or_default().push(point);
    }
    for ((metric, part), mut points) in curves {
        points.sort_by_key(|point| point.x);
        let status = points.first().map_or(OK, |point| point.status.as_str());
        // A vector without values, such as a list of dimensions that names none, is a result.
        let status = if status == EMPTY { OK } else { status };
        if status != OK {
            missing.entry(metric).or_default().push((part, status));
        }
        let entry = entry(&mut joined, metric, status, points.first().map_or(0, |point| point.n));
        let y: Vec<Value> = points.iter().filter_map(|point| point.y.map(number)).collect();
        place(&mut entry.value, part, if status == OK { Value::Array(y) } else { Value::Null });
    }
    for (metric, parts) in missing {
        if let Some(entry) = joined.get_mut(metric) {
            explain(entry, &parts);
        }
    }
    joined.into_values().collect()
}

/// Says why parts are missing. An object without any part is a null.
fn explain(entry: &mut MetricValue, missing: &[(&str, &str)]) {
    let Some(parts) = entry.value.as_object() else { return };
    if parts.values().all(Value::is_null) && missing.windows(2).all(|pair| pair[0].1 == pair[1].1) {
        entry.value = Value::Null;
        return;
    }
    let reasons: Vec<String> = missing.iter().map(|(part, reason)| format!("{part}: {reason}")).collect();
    entry.status = reasons.join("; ");
}

fn entry<'a, 'k>(
    joined: &'a mut BTreeMap<&'k str, MetricValue>,
    metric: &'k str,
    status: &str,
    n: u64,
) -> &'a mut MetricValue {
    joined.entry(metric).or_insert_with(|| MetricValue {
        id: metric.to_owned(),
        value: Value::Null,
        status: status.to_owned(),
        std_err: Value::Null,
        std_err_kind: NO_ERROR.to_owned(),
        n,
    })
}

fn place(value: &mut Value, part: &str, found: Value) {
    if part.is_empty() {
        *value = found;
        return;
    }
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value[part] = found;
}

/// Whole numbers, which counts and indices are, without a decimal point.
fn number(value: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract().abs() < f64::MIN_POSITIVE && value.abs() < EXACT {
        json!(value as i64)
    } else {
        json!(value)
    }
}

/// Lists values for a person; long arrays are cut, with their length.
pub(crate) fn list(values: &[MetricValue]) -> String {
    const SHOWN: usize = 60;
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(["metric", "value", "n"]);
    for value in values {
        let text = match (&value.value, value.status.as_str()) {
            (_, OK) => value.value.to_string(),
            (Value::Null, reason) => format!("– ({reason})"),
            (value, reason) => format!("{value} ({reason})"),
        };
        let cut = text.char_indices().nth(SHOWN).map(|(at, _)| at);
        let shown = match (cut, &value.value) {
            (Some(at), Value::Array(items)) => format!("{}… ({} values)", &text[..at], items.len()),
            _ => text,
        };
        table.add_row([value.id.clone(), shown, value.n.to_string()]);
    }
    table.to_string()
}
