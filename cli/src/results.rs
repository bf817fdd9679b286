//! Results of a job: its files, and its rows in whichever form is wanted.

use crate::args::Format;
use crate::client::Client;
use crate::{output, save};
use isoscope_proto::v1::{Job, ResultFile};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

/// The result files and their names.
const FILES: [(&str, ResultFile); 3] = [
    ("measurements.parquet", ResultFile::MeasurementsParquet),
    ("curves.parquet", ResultFile::CurvesParquet),
    ("manifest.json", ResultFile::ManifestJson),
];

/// Fetches the files of a job and puts them in place, all or none.
pub(crate) async fn save(client: &mut Client, job: &Job, directory: &Path) -> anyhow::Result<()> {
    let mut fetched = Vec::new();
    for (name, file) in FILES {
        fetched.push((name, client.file(&job.name, file).await?));
    }
    save::files(directory, &fetched)
}

/// Prints the rows of a job; `saved` is where its files are, if anywhere.
pub(crate) async fn print(
    client: &mut Client,
    job: &Job,
    format: Format,
    saved: Option<&Path>,
) -> anyhow::Result<()> {
    let printed = match (format, saved) {
        (Format::Parquet, None) => client.file(&job.name, ResultFile::MeasurementsParquet).await?,
        (Format::Parquet, Some(directory)) => {
            format!("{}\n", directory.join(FILES[0].0).display()).into_bytes()
        }
        (Format::Json, _) => {
            format!("{}\n", output::json(&client.rows(&job.name).await?.measurements)?).into_bytes()
        }
        (Format::Csv, _) => output::csv(&client.rows(&job.name).await?.measurements)?.into_bytes(),
        (Format::Table, _) => table(client, job, saved).await?.into_bytes(),
    };
    Ok(std::io::stdout().lock().write_all(&printed)?)
}

async fn table(client: &mut Client, job: &Job, saved: Option<&Path>) -> anyhow::Result<String> {
    let rows = client.rows(&job.name).await?;
    let headline = job.progress.as_ref().map(|p| p.headline.as_str()).unwrap_or_default();
    let table = output::table(&rows.measurements, &rows.models, &rows.spaces);
    let mut text = format!("{} · {headline}\n{table}\n", job.study);
    if let Some(directory) = saved {
        let _ = writeln!(text, "{}: {}", directory.display(), FILES.map(|(name, _)| name).join("  "));
    }
    Ok(text)
}
