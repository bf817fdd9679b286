//! Results of a job: its files, and its rows in whichever form is wanted.

use crate::args::Format;
use crate::client::{Client, Rows};
use crate::output::{self, Shown, Style};
use crate::save::Files;
use isoscope_proto::v1::Job;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

/// Name of the file of measurements.
pub(crate) const MEASUREMENTS: &str = "measurements.parquet";

/// What is printed of results.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Printed<'a> {
    /// In which form.
    pub(crate) format: Format,
    /// Whether tables show standard errors.
    pub(crate) errors: bool,
    /// Where the files are, if anywhere.
    pub(crate) saved: Option<&'a Path>,
}

/// Fetches the files of a job and puts them in place, all or none.
pub(crate) async fn save(client: &mut Client, job: &Job, directory: &Path) -> anyhow::Result<()> {
    let mut files = Files::new(directory)?;
    for name in client.files(&job.name).await? {
        files.add(&name, &client.file(&job.name, &name).await?)?;
    }
    files.commit()
}

/// Prints the rows of a job.
pub(crate) async fn print(client: &mut Client, job: &Job, printed: Printed<'_>) -> anyhow::Result<()> {
    let text = match (printed.format, printed.saved) {
        (Format::Parquet, None) => client.file(&job.name, MEASUREMENTS).await?,
        (Format::Parquet, Some(directory)) => {
            format!("{}\n", directory.join(MEASUREMENTS).display()).into_bytes()
        }
        (Format::Json, _) => {
            format!("{}\n", output::json(&client.rows(&job.name).await?.measurements)?).into_bytes()
        }
        (Format::Csv, _) => output::csv(&client.rows(&job.name).await?.measurements)?.into_bytes(),
        (Format::Table, _) => report(client, job, printed).await?.into_bytes(),
        (Format::Markdown, _) => tables(client, job, printed, Style::Markdown).await?.into_bytes(),
        (Format::Latex, _) => tables(client, job, printed, Style::Latex).await?.into_bytes(),
    };
    Ok(std::io::stdout().lock().write_all(&text)?)
}

/// The tables, below what was run and above where the files are.
async fn report(client: &mut Client, job: &Job, printed: Printed<'_>) -> anyhow::Result<String> {
    let headline = job.progress.as_ref().map(|p| p.headline.as_str()).unwrap_or_default();
    let tables = tables(client, job, printed, Style::Terminal).await?;
    let mut text = format!("{} · {headline}\n{tables}", job.study);
    if let Some(directory) = printed.saved {
        let files = client.files(&job.name).await?;
        let _ = writeln!(text, "{}: {}", directory.display(), listed(&files));
    }
    Ok(text)
}

async fn tables(
    client: &mut Client,
    job: &Job,
    printed: Printed<'_>,
    style: Style,
) -> anyhow::Result<String> {
    let Rows { measurements, differences, models, spaces, tables, .. } = client.rows(&job.name).await?;
    let shown = Shown {
        measurements: &measurements,
        differences: &differences,
        models: &models,
        spaces: &spaces,
        errors: printed.errors,
    };
    if !tables.is_empty() && style != Style::Latex {
        return Ok(output::study_tables(&tables, &shown, style));
    }
    Ok(format!("{}\n", output::table(&shown, style)))
}

/// Names of files; those in folders are counted only.
fn listed(files: &[String]) -> String {
    let mut folders = Vec::<(&str, usize)>::new();
    let mut names = Vec::new();
    for name in files {
        match name.split_once('/') {
            None => names.push(name.clone()),
            Some((folder, _)) => match folders.iter_mut().find(|(known, _)| *known == folder) {
                Some((_, count)) => *count += 1,
                None => folders.push((folder, 1)),
            },
        }
    }
    names.extend(folders.into_iter().map(|(folder, count)| format!("{folder}/ ({count})")));
    names.join("  ")
}

#[cfg(test)]
mod tests {
    use super::listed;

    #[test]
    fn files_in_folders_are_counted() {
        let files = ["a.parquet", "transforms/x", "b.json", "transforms/y"].map(str::to_owned);
        assert_eq!(listed(&files), "a.parquet  b.json  transforms/ (2)");
        assert_eq!(listed(&[]), "");
    }
}
