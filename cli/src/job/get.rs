//! `isoscope job get` and `isoscope job cancel`.

use super::args::{GetArgs, NameArgs};
use super::document::JobDocument;
use super::list;
use crate::args::PlanFormat;
use crate::client::Client;
use crate::words;
use isoscope_proto::v1::Job;
use std::io::Write as _;

/// Shows the state of a job.
pub(super) async fn run(args: &GetArgs, mut client: Client) -> anyhow::Result<()> {
    print(client.job(&args.job).await?, args.output)
}

/// Cancels a job and says in which state it is then: one that had ended before stays as it is.
pub(super) async fn cancel(args: &NameArgs, mut client: Client) -> anyhow::Result<()> {
    let job = client.cancel(&args.job).await?;
    writeln!(std::io::stdout(), "{} {}", job.name, words::job_state(job.state()))?;
    Ok(())
}

fn print(job: Job, format: PlanFormat) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match format {
        PlanFormat::Table => writeln!(out, "{}", list::table(&[job]))?,
        PlanFormat::Json => writeln!(out, "{}", serde_json::to_string_pretty(&JobDocument::from(job))?)?,
    }
    Ok(())
}
