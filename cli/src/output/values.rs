//! Measurements of one cloud as a list of values, each shaped as its metric is: a number, an array or an object.

use comfy_table::{Table, presets};
use isoscope_core::result::{CurvePoint, EMPTY, Measurement, OK};
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
    /// `ok`, or the reason for the null.
    pub(crate) status: String,
    /// Standard error where one was estimated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) std_err: Option<f64>,
    /// Observations behind the value.
    pub(crate) n: u64,
}

/// Joins numbers and points of curves into one value a metric, in order of id.
pub(crate) fn values(rows: &[Measurement], points: &[CurvePoint]) -> Vec<MetricValue> {
    let mut joined: BTreeMap<&str, MetricValue> = BTreeMap::new();
    for row in rows {
        let entry = entry(&mut joined, &row.key.metric, &row.status, row.n);
        entry.std_err = row.std_err;
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
        let entry = entry(&mut joined, metric, status, points.first().map_or(0, |point| point.n));
        let y: Vec<Value> = points.iter().filter_map(|point| point.y.map(number)).collect();
        place(&mut entry.value, part, if status == OK { Value::Array(y) } else { Value::Null });
    }
    joined.into_values().collect()
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
        std_err: None,
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
        let text =
            if value.status == OK { value.value.to_string() } else { format!("– ({})", value.status) };
        let cut = text.char_indices().nth(SHOWN).map(|(at, _)| at);
        let shown = match (cut, &value.value) {
            (Some(at), Value::Array(items)) => format!("{}… ({} values)", &text[..at], items.len()),
            _ => text,
        };
        table.add_row([value.id.clone(), shown, value.n.to_string()]);
    }
    table.to_string()
}
