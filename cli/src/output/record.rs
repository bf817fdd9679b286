//! A measurement as a line or an object.

use isoscope_core::result::Measurement;
use serde::Serialize;

/// The fields of a measurement that a reader of a small file wants; Parquet holds them all. Their names and order are a promise to
/// scripts: new ones come at the end.
#[derive(Serialize)]
pub(super) struct Record<'a> {
    study: &'a str,
    model: &'a str,
    dataset: &'a str,
    layer: u32,
    /// The other side of a comparison; empty for one cloud.
    other: &'a str,
    other_layer: u32,
    /// The column and the key of a group of rows; empty for all rows.
    by: &'a str,
    group: &'a str,
    space: &'a str,
    metric: &'a str,
    /// Beside the metric, because a study may measure one metric with several parameters.
    params: &'a str,
    part: &'a str,
    value: Option<f64>,
    status: &'a str,
    std_err: Option<f64>,
    std_err_kind: &'a str,
    n: u64,
    /// How the tokens of a sentence were pooled; empty for rows that are no sentences.
    pooling: &'a str,
    /// Revision of the encoder where it was read from a hub or a store; empty for a directory.
    model_revision: &'a str,
}

impl Record<'_> {
    /// Names of the fields, in their order.
    pub(super) const FIELDS: [&'static str; 19] = [
        "study",
        "model",
        "dataset",
        "layer",
        "other",
        "other_layer",
        "by",
        "group",
        "space",
        "metric",
        "params",
        "part",
        "value",
        "status",
        "std_err",
        "std_err_kind",
        "n",
        "pooling",
        "model_revision",
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
            other: &key.other,
            other_layer: key.other_layer,
            by: &key.by,
            group: &key.group,
            space: &key.space,
            metric: &key.metric,
            params: &key.params,
            part: &row.part,
            value: row.value,
            status: &row.status,
            std_err: row.std_err,
            std_err_kind: &row.std_err_kind,
            n: row.n,
            pooling: &key.pooling,
            model_revision: &key.model_revision,
        }
    }
}
