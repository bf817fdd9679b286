//! Joins what ops reported to what they were about: measurements, curves and the manifest of a job.

use crate::results::{ResultError, curves_parquet, measurements_parquet};
use crate::scheduler::op_refs;
use isoscope_core::digest::sha256;
use isoscope_core::plan::{Plan, PlannedOp, Subject};
use isoscope_core::result::{CurvePoint, EMPTY, Key, LayerReport, Measurement, OK, ReportedSeries, Tally};
use isoscope_core::state::CodecError;
use isoscope_core::study::{OnLongText, Study};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Name of the file of measurements.
pub const MEASUREMENTS: &str = "measurements.parquet";
/// Name of the file of curves.
pub const CURVES: &str = "curves.parquet";
/// Name of the manifest.
pub const MANIFEST: &str = "manifest.json";
/// Name of the document of all rows, for tables.
pub const ROWS: &str = "rows.json";

/// Results could not be put together.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AssembleError {
    /// A file could not be written.
    #[error(transparent)]
    Result(#[from] ResultError),
    /// The plan could not be encoded.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// A document could not be encoded.
    #[error("the results could not be encoded: {0}")]
    Json(#[from] serde_json::Error),
    /// A report names an op or a subject that the plan does not have.
    #[error("a report does not fit the plan")]
    Foreign,
}

/// Makes the result files of a job: name and bytes. Equal plans, reports and tallies give equal bytes.
///
/// # Errors
/// When a report does not fit the plan, or a file cannot be encoded.
pub fn files(
    plan: &Plan,
    reports: &[LayerReport],
    tallies: &[Tally],
) -> Result<Vec<(&'static str, Vec<u8>)>, AssembleError> {
    let digest = plan.digest()?;
    let (mut measurements, mut curves) = (Vec::new(), Vec::new());
    for report in reports {
        join(plan, &digest, report, &mut measurements, &mut curves)?;
    }
    let rows = json!({
        "measurements": measurements,
        "curves": curves,
        "models": plan.study.model.iter().map(|m| &m.name).collect::<Vec<_>>(),
        "spaces": plan.spaces.iter().map(|s| &s.name).collect::<Vec<_>>(),
        "datasets": plan.study.dataset.iter().map(|d| &d.name).collect::<Vec<_>>(),
    });
    let mut files =
        vec![(MEASUREMENTS, measurements_parquet(&measurements)?), (CURVES, curves_parquet(&curves)?)];
    let manifest = manifest(plan, &digest, tallies, &files);
    files.push((MANIFEST, serde_json::to_vec_pretty(&manifest)?));
    files.push((ROWS, serde_json::to_vec(&rows)?));
    Ok(files)
}

fn join(
    plan: &Plan,
    digest: &str,
    report: &LayerReport,
    measurements: &mut Vec<Measurement>,
    curves: &mut Vec<CurvePoint>,
) -> Result<(), AssembleError> {
    let subject = plan.subjects.get(report.subject as usize).ok_or(AssembleError::Foreign)?;
    for op in &report.ops {
        let planned = plan.ops.get(op.op as usize).ok_or(AssembleError::Foreign)?;
        let key = |metric: &str| key(plan, digest, subject, report.layer, planned, metric);
        for row in &op.rows {
            measurements.push(Measurement {
                key: key(&row.metric),
                part: row.part.clone(),
                value: row.value,
                status: row.status.clone(),
                std_err: row.std_err,
                n: row.n,
            });
        }
        for series in &op.series {
            points(&key(&series.metric), series, curves);
        }
    }
    Ok(())
}

/// A vector without values still has a point, which says why: or, if it is merely empty, that it is.
fn points(key: &Key, series: &ReportedSeries, curves: &mut Vec<CurvePoint>) {
    let point = |x: usize, y: Option<f64>| CurvePoint {
        key: key.clone(),
        part: series.part.clone(),
        x: x as u32,
        y,
        status: if y.is_none() && series.status == OK { EMPTY.to_owned() } else { series.status.clone() },
        n: series.n,
    };
    if series.values.is_empty() {
        curves.push(point(0, None));
    }
    curves.extend(series.values.iter().enumerate().map(|(x, &y)| point(x, Some(y))));
}

fn key(plan: &Plan, digest: &str, subject: &Subject, layer: u32, planned: &PlannedOp, metric: &str) -> Key {
    let space = plan.spaces.get(planned.space as usize);
    Key {
        study: plan.study.name.clone(),
        model: subject.model_name().to_owned(),
        dataset: subject.dataset.name.clone(),
        layer,
        space: space.map(|s| s.name.clone()).unwrap_or_default(),
        metric: metric.to_owned(),
        weights_digest: subject.model.as_ref().map(|m| m.facts.weights_digest.clone()).unwrap_or_default(),
        dataset_digest: subject.dataset_facts.digest.clone(),
        unit: if subject.model.is_some() { plan.study.representation.unit.name() } else { "row" }.to_owned(),
        token_policy: token_policy(&plan.study, subject),
        chain: space.map(|s| s.chain.clone()).unwrap_or_default(),
        definition: planned.op.definition,
        params: planned.op.params.clone(),
        plugin: format!("{} {}", planned.op.plugin, planned.op.plugin_version),
        plugin_digest: planned.op.plugin_digest.clone(),
        d: subject.width,
        seed: plan.study.seed,
        numerics_class: plan.numerics_class.clone(),
        plan_digest: digest.to_owned(),
    }
}

/// `exclude=special;max_tokens=512;on_long_text=truncate`.
fn token_policy(study: &Study, subject: &Subject) -> String {
    if subject.model.is_none() {
        return String::new();
    }
    let excluded = if study.representation.exclude.0.is_empty() { "nothing" } else { "special" };
    let long = match study.representation.on_long_text {
        OnLongText::Error => "error",
        OnLongText::Truncate => "truncate",
    };
    format!("exclude={excluded};max_tokens={};on_long_text={long}", subject.max_tokens)
}

fn manifest(plan: &Plan, digest: &str, tallies: &[Tally], files: &[(&str, Vec<u8>)]) -> Value {
    let subjects = plan.subjects.iter().zip(tallies).map(|(subject, tally)| {
        json!({
            "model": subject.model.as_ref().map(|m| json!({"name": m.name, "source": m.source, "facts": m.facts})),
            "dataset": subject.dataset,
            "dataset_digest": subject.dataset_facts.digest,
            "rows": subject.dataset_facts.rows,
            "layers": subject.layers,
            "width": subject.width,
            "shards": subject.shards,
            "shard_rows": subject.shard_rows,
            "tally": tally,
        })
    });
    let plugins: BTreeMap<&str, Value> = op_refs(plan)
        .map(|op| (op.plugin.as_str(), json!({"version": op.plugin_version, "digest": op.plugin_digest})))
        .collect();
    json!({
        "schema": 1,
        "isoscope_version": env!("CARGO_PKG_VERSION"),
        "study": plan.study,
        "plan_digest": digest,
        "numerics_class": plan.numerics_class,
        "stages": plan.stages,
        "subjects": subjects.collect::<Vec<_>>(),
        "plugins": plugins,
        "files": files.iter().map(|(name, bytes)| (*name, sha256(bytes))).collect::<BTreeMap<_, _>>(),
    })
}
