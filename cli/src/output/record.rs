//! A measurement as a line or an object.

use isoscope_core::result::Measurement;
use serde::Serialize;

/// The fields of a measurement that a reader of a small file wants; Parquet holds them all.
#[derive(Serialize)]
pub(super) struct Record<'a> {
    study: &'a str,
    model: &'a str,
    dataset: &'a str,
    layer: u32,
    space: &'a str,
    metric: &'a str,
    /// Beside the metric, because a study may measure one metric with several parameters.
    params: &'a str,
    part: &'a str,
    value: Option<f64>,
    status: &'a str,
    std_err: Option<f64>,
    n: u64,
}

impl Record<'_> {
    /// Names of the fields, in their order.
    pub(super) const FIELDS: [&'static str; 12] = [
        "study", "model", "dataset", "layer", "space", "metric", "params", "part", "value", "status",
        "std_err", "n",
    ];
}

impl<'a> From<&'a Measurement> for Record<'a> {
    fn from(row: &'a Measurement) -> Self {
        let key = &row.key;
        Self {
            study: &key.study,
            model: &key.model,
            dataset: &key.dataset,
            layer: key.layer,
            space: &key.space,
            metric: &key.metric,
            params: &key.params,
            part: &row.part,
            value: row.value,
            status: &row.status,
            std_err: row.std_err,
            n: row.n,
        }
    }
}
