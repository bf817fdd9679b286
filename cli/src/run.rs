//! `isoscope run`.

use crate::args::{Format, RunArgs};
use crate::client::Client;
use crate::local::Local;
use crate::output;
use crate::progress::Progress;
use crate::settings::Settings;
use crate::{save, study_file};
use isoscope_core::study::Study;
use isoscope_proto::v1::ResultFile;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Runs a study on this machine, writes its files and prints its rows.
pub(crate) async fn run(args: RunArgs, settings: &Settings) -> anyhow::Result<()> {
    let study = study_file::load(&args.study)?;
    let directory = args.out.clone().unwrap_or_else(|| PathBuf::from("out").join(&study.name));
    let local = Local::start(&settings.worker).await?;
    let outcome = submit(&study, &directory, args.output, Client::new(local.channel())).await;
    local.stop().await?;
    outcome
}

async fn submit(study: &Study, directory: &Path, format: Format, mut client: Client) -> anyhow::Result<()> {
    let job = client.run(study, false, &Progress::start()).await?;
    let files = [
        ("measurements.parquet", ResultFile::MeasurementsParquet),
        ("curves.parquet", ResultFile::CurvesParquet),
        ("manifest.json", ResultFile::ManifestJson),
    ];
    let mut fetched = Vec::new();
    for (name, file) in files {
        fetched.push((name, client.file(&job.name, file).await?));
    }
    save::files(directory, &fetched)?;
    let rows = client.rows(&job.name).await?;
    let mut out = std::io::stdout().lock();
    match format {
        Format::Table => {
            let headline = job.progress.map(|p| p.headline).unwrap_or_default();
            writeln!(out, "{} · {headline}", study.name)?;
            writeln!(out, "{}", output::table(&rows.measurements, &rows.models, &rows.spaces))?;
            let names: Vec<&str> = files.iter().map(|(name, _)| *name).collect();
            writeln!(out, "{}: {}", directory.display(), names.join("  "))?;
        }
        Format::Json => writeln!(out, "{}", output::json(&rows.measurements)?)?,
        Format::Csv => write!(out, "{}", output::csv(&rows.measurements)?)?,
        Format::Parquet => writeln!(out, "{}", directory.join("measurements.parquet").display())?,
    }
    Ok(())
}
