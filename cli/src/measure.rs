//! `isoscope measure`: a study of one precomputed matrix.

use crate::args::{Format, MeasureArgs};
use crate::client::{Client, Place, Rows, Submission};
use crate::failure::Failure;
use crate::output;
use crate::progress::Progress;
use crate::scratch::Scratch;
use crate::settings::Settings;
use anyhow::Context as _;
use isoscope_core::catalogue::Kind;
use isoscope_core::study::Study;
use isoscope_proto::v1::{Job, ResultFile};
use isoscope_worker::{PluginDirectory, PluginSet};
use serde_json::{Map, Value, json};
use std::io::Write as _;

/// Name of the enhanced space.
const ENHANCED: &str = "enhanced";

/// Measures a matrix and prints the values.
pub(crate) async fn run(args: &MeasureArgs, settings: &Settings, scratch: &Scratch) -> anyhow::Result<()> {
    let study = study(args, settings)?;
    let base = std::env::current_dir().context("the working directory")?;
    let mut place = Place::here(settings, scratch).await?;
    let outcome = submit(&Submission::new(&study, base), args.output, &mut place.client).await;
    place.close(outcome).await
}

async fn submit(submission: &Submission<'_>, format: Format, client: &mut Client) -> anyhow::Result<()> {
    let job = client.run(submission, &Progress::silent()).await?;
    print(&job, format, client).await
}

async fn print(job: &Job, format: Format, client: &mut Client) -> anyhow::Result<()> {
    if format == Format::Parquet {
        let bytes = client.file(&job.name, ResultFile::MeasurementsParquet).await?;
        return Ok(std::io::stdout().lock().write_all(&bytes)?);
    }
    let rows = client.rows(&job.name).await?;
    let mut out = std::io::stdout().lock();
    match format {
        Format::Json => writeln!(
            out,
            "{}",
            serde_json::to_string_pretty(&output::values(&rows.measurements, &rows.curves))?
        )?,
        Format::Csv => write!(out, "{}", output::csv(&rows.measurements)?)?,
        Format::Table | Format::Parquet => writeln!(out, "{}", list(&rows))?,
    }
    Ok(())
}

fn list(rows: &Rows) -> String {
    output::list(&output::values(&rows.measurements, &rows.curves))
}

fn study(args: &MeasureArgs, settings: &Settings) -> anyhow::Result<Study> {
    let space = if args.enhancements.is_empty() { "raw" } else { ENHANCED };
    let metrics: Vec<Value> =
        metric_ids(args, settings)?.into_iter().map(|id| json!({"id": id, "spaces": [space]})).collect();
    let mut study = json!({
        "name": "measure",
        "dataset": [{"name": args.matrix.display().to_string(), "source": args.matrix.display().to_string(), "format": "npy"}],
        "metric": metrics,
        "nonfinite": if args.drop_nonfinite { "drop" } else { "error" },
    });
    if !args.enhancements.is_empty() {
        study["enhancement"] = json!([chain(&args.enhancements)?]);
    }
    Study::from_value(study).map_err(|e| Failure::Study(e).into())
}

/// `all` is every metric on one cloud that needs nothing but the matrix.
fn metric_ids(args: &MeasureArgs, settings: &Settings) -> anyhow::Result<Vec<String>> {
    if !args.metrics.iter().any(|id| id == "all") {
        return Ok(args.metrics.clone());
    }
    let mut plugins = PluginSet::built_in()?;
    if let Some(directory) = settings.worker.plugins()? {
        plugins = PluginDirectory::open(&directory, plugins)?.load().plugins;
    }
    let ops = plugins.facts().into_iter().flat_map(|plugin| plugin.manifest.ops);
    let alone = ops.filter(|op| op.kind == Kind::Metric && op.views == 1 && op.columns.is_empty());
    Ok(alone.map(|op| op.id).collect())
}

/// A chain of `ID` or `ID:{…}` as an enhancement of a study.
fn chain(written: &[String]) -> Result<Value, Failure> {
    let mut steps = Vec::new();
    for step in written {
        let (id, parameters) = step.split_once(':').unwrap_or((step, "{}"));
        let mut entry: Map<String, Value> = serde_json::from_str(parameters).map_err(|e| {
            Failure::field("--enhance", format!("the parameters of `{id}` are no JSON object: {e}"))
        })?;
        entry.insert("id".to_owned(), json!(id));
        steps.push(Value::Object(entry));
    }
    let mut first = steps.remove(0);
    first["name"] = json!(ENHANCED);
    first["then"] = Value::Array(steps);
    Ok(first)
}
