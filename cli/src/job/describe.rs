//! `isoscope job describe`.

use super::args::GetArgs;
use super::document::JobDocument;
use crate::args::PlanFormat;
use crate::client::Client;
use crate::{output, times, words};
use isoscope_proto::prost_types::Timestamp;
use isoscope_proto::v1::{Job, JobEvent};
use std::fmt::Write as _;
use std::io::Write as _;

/// Shows all that is known of a job.
pub(super) async fn run(args: &GetArgs, mut client: Client) -> anyhow::Result<()> {
    let job = client.job(&args.job).await?;
    let events = client.events(&args.job).await?;
    let mut out = std::io::stdout().lock();
    match args.output {
        PlanFormat::Table => write!(out, "{}", text(&job, &events))?,
        PlanFormat::Json => {
            let document = JobDocument::from(job).with_events(events);
            writeln!(out, "{}", serde_json::to_string_pretty(&document)?)?;
        }
    }
    Ok(())
}

fn text(job: &Job, events: &[JobEvent]) -> String {
    let mut text = format!("{}\n{}\n", job.name, facts(job));
    if !job.violations.is_empty() {
        let mut table = output::sheet(&["field", "what is wrong"]);
        for violation in &job.violations {
            table.add_row([&violation.field, &violation.message]);
        }
        let _ = write!(text, "\n{table}\n");
    }
    if !job.running.is_empty() {
        let mut table = output::sheet(&["running task", "worker", "since"]);
        for task in &job.running {
            table.add_row([&task.title, &task.worker_name, &times::age(task.lease_time.as_ref())]);
        }
        let _ = write!(text, "\n{table}\n");
    }
    let mut table = output::sheet(&["when", "what happened", ""]);
    for event in events {
        let kind = event.kind.to_lowercase().replace('_', " ");
        table.add_row([&times::age(event.time.as_ref()), &kind, &event.message]);
    }
    let _ = write!(text, "\n{table}\n");
    text
}

fn facts(job: &Job) -> String {
    let progress = job.progress.clone().unwrap_or_default();
    let state = words::job_state(job.state());
    let at = words::stage(job.state(), &progress);
    let known = [
        ("study", job.study.clone()),
        ("state", state.to_owned()),
        ("reason", job.state_reason.clone()),
        ("at", if at == state { String::new() } else { at }),
        ("tasks", format!("{} of {} done", progress.tasks_done, progress.tasks_total)),
        ("data", progress.headline),
        ("created", instant(job.create_time.as_ref())),
        ("ended", instant(job.end_time.as_ref())),
        ("sources from", job.base_directory.clone()),
        ("plan", job.plan_digest.clone()),
        ("numerics class", job.numerics_class.clone()),
    ];
    output::facts(&known).to_string()
}

fn instant(at: Option<&Timestamp>) -> String {
    times::rfc3339(at).map(|exact| format!("{} ({exact})", times::age(at))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use isoscope_proto::v1::RunningTask;
    use isoscope_proto::v1::job::State;

    #[test]
    fn a_description_says_why_a_job_waits_and_who_works_on_it() {
        let job = Job {
            name: "jobs/1".to_owned(),
            state: State::Queued.into(),
            state_reason: "no worker offers plugin x".to_owned(),
            running: vec![RunningTask {
                title: "survey".to_owned(),
                worker_name: "node7".to_owned(),
                ..RunningTask::default()
            }],
            ..Job::default()
        };
        let event = JobEvent { kind: "TASK_LOST".to_owned(), message: "with node3".to_owned(), time: None };
        let text = text(&job, &[event]);
        for phrase in ["jobs/1", "queued", "no worker offers plugin x", "node7", "task lost", "with node3"] {
            assert!(text.contains(phrase), "`{phrase}` is not in:\n{text}");
        }
        assert!(
            !text.contains("ended") && !text.contains("numerics"),
            "what is unknown is left out:\n{text}"
        );
    }
}
