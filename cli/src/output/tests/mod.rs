//! Made-up measurements, and the tables and records made of them.
#![allow(clippy::unwrap_used)]

mod analyses;
mod grid;
mod records;
mod study_tables;
mod styles;

use super::{Shown, Style, table};
use isoscope_core::result::{Difference, DifferenceKind, Key, Measurement};

const LOG_I: &str = "partition.log_I_pm";
const ISOSCORE: &str = "spectrum.isoscore";

fn row(model: &str, dataset: &str, at: (u32, &str), metric: &str, value: Result<f64, &str>) -> Measurement {
    let key = Key {
        study: "s".to_owned(),
        model: model.to_owned(),
        dataset: dataset.to_owned(),
        layer: at.0,
        other: String::new(),
        other_layer: at.0,
        by: String::new(),
        group: String::new(),
        space: at.1.to_owned(),
        metric: metric.to_owned(),
        weights_digest: String::new(),
        model_revision: String::new(),
        dataset_digest: String::new(),
        unit: "token".to_owned(),
        pooling: String::new(),
        token_policy: String::new(),
        chain: String::new(),
        definition: 1,
        params: "{}".to_owned(),
        plugin: String::new(),
        plugin_digest: String::new(),
        d: 768,
        seed: 0,
        numerics_class: String::new(),
        plan_digest: String::new(),
    };
    let status = value.err().unwrap_or("ok").to_owned();
    let (value, std_err_kind) = (value.ok(), String::new());
    Measurement { key, part: String::new(), value, status, std_err: None, std_err_kind, n: 100 }
}

/// The same value with an error.
fn with_error(mut row: Measurement, error: f64) -> Measurement {
    row.std_err = Some(error);
    row.std_err_kind = "jackknife(16)".to_owned();
    row
}

/// A difference from `pre`, tested or not.
fn difference(of: &Measurement, tested: Result<f64, &str>) -> Difference {
    Difference {
        key: of.key.clone(),
        part: String::new(),
        kind: DifferenceKind::Model,
        baseline: "pre".to_owned(),
        difference: of.value,
        std_err: tested.ok(),
        z: tested.ok(),
        p: tested.ok(),
        p_holm: tested.ok(),
        blocks: 16,
        status: tested.err().unwrap_or("ok").to_owned(),
    }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// The table for a terminal, without marks and errors.
fn terminal(rows: &[Measurement], models: &[&str], spaces: &[&str]) -> String {
    let (models, spaces) = (names(models), names(spaces));
    let shown =
        Shown { measurements: rows, differences: &[], models: &models, spaces: &spaces, errors: false };
    table(&shown, Style::Terminal)
}
