//! The command line of `isoscope job`. Its doc comments are the help that people read, so they are plain text.
#![allow(clippy::doc_markdown)]

use super::JobName;
use crate::args::{Format, PlanFormat, StudyArgs};
use crate::connect::ConnectArgs;
use clap::{Args, Subcommand, ValueEnum};
use isoscope_proto::v1::job::State;
use std::path::PathBuf;

/// Arguments of `job`.
#[derive(Debug, Args)]
pub(crate) struct JobArgs {
    #[command(subcommand)]
    pub(crate) command: JobCommand,
}

/// What to do with jobs.
#[derive(Debug, Subcommand)]
pub(crate) enum JobCommand {
    /// Submit a study as a job.
    Submit(SubmitArgs),
    /// List jobs, the newest first.
    List(ListArgs),
    /// Show the state of a job.
    Get(GetArgs),
    /// Show all that is known of a job: why it waits, its running tasks and what happened to it.
    Describe(GetArgs),
    /// Follow a job to its end; exits with 0 when it succeeds, 1 when it fails or is cancelled.
    Watch(WatchArgs),
    /// Wait for the end of a job; exits with 0 when it succeeds, 1 when it fails or is cancelled.
    Wait(NameArgs),
    /// Cancel a job.
    Cancel(NameArgs),
    /// Print the results of a job, or write its result files.
    Results(ResultsArgs),
}

/// Arguments of `job submit`.
#[derive(Debug, Args)]
pub(crate) struct SubmitArgs {
    #[command(flatten)]
    pub(crate) study: StudyArgs,
    #[command(flatten)]
    pub(crate) connect: ConnectArgs,
    /// Id of this submission: the same id with the same study is the same job. By default a random one.
    #[arg(long, value_name = "ID")]
    pub(crate) request_id: Option<String>,
    /// Check the study and show how it would run, without running it.
    #[arg(long, conflicts_with = "wait")]
    pub(crate) dry_run: bool,
    /// Follow the job to its end and print its results.
    #[arg(long)]
    pub(crate) wait: bool,
    /// What to print.
    #[arg(short, long, value_enum, default_value_t = PlanFormat::Table)]
    pub(crate) output: PlanFormat,
}

/// Arguments of `job list`.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    #[command(flatten)]
    pub(crate) connect: ConnectArgs,
    /// Only jobs in this state; repeat for several.
    #[arg(long = "state", value_enum, value_name = "STATE")]
    pub(crate) states: Vec<StateArg>,
    /// What to print.
    #[arg(short, long, value_enum, default_value_t = PlanFormat::Table)]
    pub(crate) output: PlanFormat,
}

/// State of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StateArg {
    /// Waits for its first task to begin.
    Queued,
    /// In work.
    Running,
    /// Has results.
    Succeeded,
    /// Ended without results.
    Failed,
    /// Stopped by somebody.
    Cancelled,
}

impl From<StateArg> for State {
    fn from(state: StateArg) -> Self {
        match state {
            StateArg::Queued => Self::Queued,
            StateArg::Running => Self::Running,
            StateArg::Succeeded => Self::Succeeded,
            StateArg::Failed => Self::Failed,
            StateArg::Cancelled => Self::Cancelled,
        }
    }
}

/// Arguments of commands that show one job.
#[derive(Debug, Args)]
pub(crate) struct GetArgs {
    /// The job, as jobs/UUID or the UUID.
    #[arg(value_name = "JOB")]
    pub(crate) job: JobName,
    #[command(flatten)]
    pub(crate) connect: ConnectArgs,
    /// What to print.
    #[arg(short, long, value_enum, default_value_t = PlanFormat::Table)]
    pub(crate) output: PlanFormat,
}

/// Arguments of commands that need a job and no more.
#[derive(Debug, Args)]
pub(crate) struct NameArgs {
    /// The job, as jobs/UUID or the UUID.
    #[arg(value_name = "JOB")]
    pub(crate) job: JobName,
    #[command(flatten)]
    pub(crate) connect: ConnectArgs,
}

/// Arguments of `job watch`.
#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    /// The job, as jobs/UUID or the UUID.
    #[arg(value_name = "JOB")]
    pub(crate) job: JobName,
    #[command(flatten)]
    pub(crate) connect: ConnectArgs,
    /// Begin with the first change after this token, from an earlier watch with -o json.
    #[arg(long, value_name = "TOKEN", default_value = "", hide_default_value = true)]
    pub(crate) resume: String,
    /// What to print: progress for people, or a JSON object a line for each change.
    #[arg(short, long, value_enum, default_value_t = PlanFormat::Table)]
    pub(crate) output: PlanFormat,
}

/// Arguments of `job results`.
#[derive(Debug, Args)]
pub(crate) struct ResultsArgs {
    /// The job, as jobs/UUID or the UUID.
    #[arg(value_name = "JOB")]
    pub(crate) job: JobName,
    #[command(flatten)]
    pub(crate) connect: ConnectArgs,
    /// Directory to write the result files to.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Show standard errors in tables.
    #[arg(long)]
    pub(crate) errors: bool,
    /// What to print.
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    pub(crate) output: Format,
}
