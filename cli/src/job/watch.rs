//! `isoscope job watch` and `isoscope job wait`.

use super::args::{NameArgs, WatchArgs};
use super::document::JobDocument;
use crate::args::PlanFormat;
use crate::client::{self, Client};
use crate::failure::Failure;
use crate::progress::Progress;
use crate::words;
use isoscope_core::violation::Violation;
use isoscope_proto::v1::Job;
use std::io::Write as _;

/// Follows a job to its end.
pub(super) async fn run(args: &WatchArgs, mut client: Client) -> anyhow::Result<()> {
    // A coordinator that is not there from the start is not waited for.
    client.job(&args.job).await?;
    let token = args.resume.clone();
    match args.output {
        PlanFormat::Table => {
            let job = client.follow(&args.job, token, &Progress::start()).await?;
            writeln!(std::io::stdout(), "{} {}", job.name, words::job_state(job.state()))?;
            judge(job)
        }
        PlanFormat::Json => judge(client.watch(&args.job, token, print).await?),
    }
}

/// Waits for the end of a job.
pub(super) async fn wait(args: &NameArgs, mut client: Client) -> anyhow::Result<()> {
    client.job(&args.job).await?;
    judge(client.follow(&args.job, String::new(), &Progress::silent()).await?)
}

fn print(job: &Job, token: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let line = serde_json::to_string(&JobDocument::from(job.clone()).with_token(token))?;
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

/// A job that did not succeed is a failure of its own, whoever is to blame: here it is not this command's input.
fn judge(job: Job) -> anyhow::Result<()> {
    let lines: Vec<String> = job.violations.iter().map(|v| Violation::from(v).to_string()).collect();
    match client::succeeded(job) {
        Ok(_) => Ok(()),
        Err(Failure::Study(_)) => Err(Failure::Job(lines.join("\n")).into()),
        Err(other) => Err(other.into()),
    }
}
