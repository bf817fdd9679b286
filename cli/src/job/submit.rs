//! `isoscope job submit`.

use super::JobName;
use super::args::SubmitArgs;
use super::document::JobDocument;
use crate::args::{Format, PlanFormat};
use crate::client::{self, Client, Submission};
use crate::progress::Progress;
use crate::results::{self, Printed};
use crate::{plan, study_file};
use isoscope_proto::v1::Job;
use std::io::Write as _;

/// Hands a study in; with `--wait` follows it, with `--dry-run` only plans it.
pub(super) async fn run(args: &SubmitArgs, mut client: Client) -> anyhow::Result<()> {
    let study = study_file::load(&args.study)?;
    let mut submission = Submission::new(&study, study_file::base(&args.study)?);
    submission.plan_only = args.dry_run;
    if let Some(id) = &args.request_id {
        submission.request_id.clone_from(id);
    }
    if args.dry_run {
        return plan::print(&plan::fetch(&mut client, &submission).await?, args.output);
    }
    let job = client.submit(&submission).await?;
    if args.wait { follow(args, client, job).await } else { print(job, args.output) }
}

async fn follow(args: &SubmitArgs, mut client: Client, job: Job) -> anyhow::Result<()> {
    let name: JobName = job.name.parse()?;
    let format = match args.output {
        PlanFormat::Table => Format::Table,
        PlanFormat::Json => Format::Json,
    };
    if format == Format::Table {
        // Said at once: it is how to come back to the job.
        print(job, args.output)?;
    }
    let job = client::succeeded(client.follow(&name, String::new(), &Progress::start()).await?)?;
    results::print(&mut client, &job, Printed { format, errors: false, saved: None }).await
}

fn print(job: Job, format: PlanFormat) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match format {
        PlanFormat::Table => writeln!(out, "{}", job.name)?,
        PlanFormat::Json => writeln!(out, "{}", serde_json::to_string_pretty(&JobDocument::from(job))?)?,
    }
    Ok(out.flush()?)
}
