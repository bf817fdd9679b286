//! `isoscope measure`: a study of one precomputed matrix, or of two side by side.

mod ids;
mod study;

use crate::args::{Format, MeasureArgs};
use crate::client::{Client, Place, Rows, Submission};
use crate::failure::Failure;
use crate::output;
use crate::progress::Progress;
use crate::results;
use crate::scratch::Scratch;
use crate::settings::Settings;
use anyhow::Context as _;
use isoscope_core::catalogue::PluginFacts;
use isoscope_proto::v1::Job;
use isoscope_worker::{PluginDirectory, PluginSet};
use std::io::Write as _;

/// Measures a matrix and prints the values.
pub(crate) async fn run(args: &MeasureArgs, settings: &Settings, scratch: &Scratch) -> anyhow::Result<()> {
    if matches!(args.output, Format::Markdown | Format::Latex) {
        let message = "measure lists values and draws no tables; print table, json or csv, or run a study";
        return Err(Failure::Input(message.to_owned()).into());
    }
    let study = study::make(args, &offered(settings)?)?;
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
        let bytes = client.file(&job.name, results::MEASUREMENTS).await?;
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
        _ => writeln!(out, "{}", list(&rows))?,
    }
    Ok(())
}

fn list(rows: &Rows) -> String {
    output::list(&output::values(&rows.measurements, &rows.curves))
}

/// What the built-in plugins and those of the settings offer.
fn offered(settings: &Settings) -> anyhow::Result<Vec<PluginFacts>> {
    let mut plugins = PluginSet::built_in()?;
    if let Some(directory) = settings.worker.plugins()? {
        plugins = PluginDirectory::open(&directory, plugins)?.load().plugins;
    }
    Ok(plugins.facts())
}
