//! What a job reported, shaped as golden values are: a number, a list, or an object of both.

use crate::jobs::Reports;
use isoscope_core::result::OK;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Values by metric id; where there is none, the reason stands as a string.
#[must_use]
pub fn values(reports: &Reports) -> BTreeMap<String, Value> {
    let mut found: BTreeMap<String, Value> = BTreeMap::new();
    let mut place = |metric: &str, part: &str, value: Value| {
        if part.is_empty() {
            found.insert(metric.to_owned(), value);
        } else {
            let entry = found.entry(metric.to_owned()).or_insert_with(|| Value::Object(Map::new()));
            entry[part] = value;
        }
    };
    for (_, row) in &reports.rows {
        place(&row.metric, &row.part, row.value.map_or_else(|| json!(row.status), |v| json!(v)));
    }
    for (_, series) in &reports.series {
        let value = if series.status == OK { json!(series.values) } else { json!(series.status) };
        place(&series.metric, &series.part, value);
    }
    found
}
