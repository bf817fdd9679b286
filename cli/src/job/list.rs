//! `isoscope job list`.

use super::args::ListArgs;
use super::document::JobDocument;
use crate::args::PlanFormat;
use crate::client::Client;
use crate::{output, times, words};
use isoscope_proto::v1::Job;
use isoscope_proto::v1::job::State;
use std::io::Write as _;

/// Lists jobs.
pub(super) async fn run(args: &ListArgs, mut client: Client) -> anyhow::Result<()> {
    let states: Vec<State> = args.states.iter().map(|&state| state.into()).collect();
    let jobs = client.jobs(&states).await?;
    let mut out = std::io::stdout().lock();
    match args.output {
        PlanFormat::Table => writeln!(out, "{}", table(&jobs))?,
        PlanFormat::Json => {
            let documents: Vec<JobDocument> = jobs.into_iter().map(JobDocument::from).collect();
            writeln!(out, "{}", serde_json::to_string_pretty(&documents)?)?;
        }
    }
    Ok(())
}

/// A line for each job.
pub(super) fn table(jobs: &[Job]) -> String {
    let mut table = output::sheet(&["job", "study", "state", "at", "tasks", "created", "ended", "reason"]);
    for job in jobs {
        let progress = job.progress.clone().unwrap_or_default();
        let at =
            if job.state() == State::Running { words::stage(job.state(), &progress) } else { String::new() };
        table.add_row([
            job.name.clone(),
            job.study.clone(),
            words::job_state(job.state()).to_owned(),
            at,
            format!("{}/{}", progress.tasks_done, progress.tasks_total),
            times::age(job.create_time.as_ref()),
            times::age(job.end_time.as_ref()),
            job.state_reason.clone(),
        ]);
    }
    table.to_string()
}
