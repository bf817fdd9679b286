//! The command line. Its doc comments are the help that people read, so they are plain text.
#![allow(clippy::doc_markdown)]

use crate::connect::ConnectArgs;
use crate::coordinator::CoordinatorArgs;
use crate::job::args::JobArgs;
use crate::plugin::args::PluginArgs;
use crate::worker::WorkerArgs;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Measures the geometry of the embedding space of encoder models.
#[derive(Debug, Parser)]
#[command(name = "isoscope", version, propagate_version = true)]
pub(crate) struct Cli {
    /// Settings file (TOML); every key can also be set as ISOSCOPE__SECTION__KEY.
    #[arg(long, global = true, value_name = "FILE", env = "ISOSCOPE_CONFIG")]
    pub(crate) config: Option<PathBuf>,
    /// Level of the log on standard error: error, warn, info, debug or trace, or a filter like isoscope_worker=debug.
    #[arg(long, global = true, value_name = "LEVEL")]
    pub(crate) log: Option<String>,
    /// Tasks run at once; by default one a core.
    #[arg(long, global = true, value_name = "N")]
    pub(crate) slots: Option<usize>,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a study, on this machine or on the workers of a coordinator, and write its results.
    Run(RunArgs),
    /// Check a study and show how it would run, without running it.
    Plan(PlanArgs),
    /// Measure a precomputed matrix (.npy, rows are observations).
    Measure(MeasureArgs),
    /// Submit jobs to a coordinator, follow them and fetch their results.
    Job(JobArgs),
    /// List the workers of a coordinator.
    Fleet(FleetArgs),
    /// Serve as the coordinator: takes jobs, hands their tasks to workers and keeps the results.
    Coordinator(CoordinatorArgs),
    /// Work for a coordinator.
    Worker(WorkerArgs),
    /// Look at plugins.
    Plugin(PluginArgs),
    /// Check that this machine can run studies.
    Doctor,
}

impl Command {
    /// The directory of plugins that a flag names.
    pub(crate) fn plugins(&self) -> Option<&PathBuf> {
        match self {
            Self::Run(args) => args.plugins.plugins.as_ref(),
            Self::Plan(args) => args.plugins.plugins.as_ref(),
            Self::Measure(args) => args.plugins.plugins.as_ref(),
            Self::Worker(args) => args.plugins.plugins.as_ref(),
            _ => None,
        }
    }
}

/// Where plugins come from.
#[derive(Debug, Args)]
pub(crate) struct PluginDirArgs {
    /// Directory of plugin files (.so) to offer besides the built-in ones; otherwise the setting worker.plugin_directory.
    #[arg(long, value_name = "DIR", env = "ISOSCOPE_PLUGIN_DIR")]
    pub(crate) plugins: Option<PathBuf>,
}

/// A study and what to change in it.
#[derive(Debug, Args)]
pub(crate) struct StudyArgs {
    /// Study file: TOML, YAML or JSON.
    #[arg(value_name = "STUDY")]
    pub(crate) study: PathBuf,
    /// Take this directory for a model of the study; repeat for several.
    #[arg(long = "model", value_name = "NAME=DIR")]
    pub(crate) models: Vec<String>,
    /// Take this file for the first dataset of the study.
    #[arg(long, value_name = "FILE")]
    pub(crate) data: Option<String>,
    /// Set any key of the study, e.g. representation.unit=sentence or plan.batch_tokens=4096.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// Directory that relative sources are taken from, as the workers see it; by default the working directory.
    #[arg(long, value_name = "DIR")]
    pub(crate) base: Option<PathBuf>,
}

/// Arguments of `run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    #[command(flatten)]
    pub(crate) study: StudyArgs,
    #[command(flatten)]
    pub(crate) connect: ConnectArgs,
    #[command(flatten)]
    pub(crate) plugins: PluginDirArgs,
    /// Directory for the result files; by default out/ and the study's name.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// What to print.
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    pub(crate) output: Format,
}

/// Arguments of `plan`.
#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) study: StudyArgs,
    #[command(flatten)]
    pub(crate) connect: ConnectArgs,
    #[command(flatten)]
    pub(crate) plugins: PluginDirArgs,
    /// What to print.
    #[arg(short, long, value_enum, default_value_t = PlanFormat::Table)]
    pub(crate) output: PlanFormat,
}

/// Arguments of `measure`.
#[derive(Debug, Args)]
pub(crate) struct MeasureArgs {
    /// The matrix.
    #[arg(value_name = "X.npy")]
    pub(crate) matrix: PathBuf,
    /// Id of a value, an op or a family; `all` for everything. Repeat for several.
    #[arg(long = "metric", value_name = "ID", default_value = "all")]
    pub(crate) metrics: Vec<String>,
    /// Enhance first, e.g. zero_mean or 'abtt:{"components":3}'. Repeat for a chain.
    #[arg(long = "enhance", value_name = "ID[:JSON]")]
    pub(crate) enhancements: Vec<String>,
    /// Leave rows that hold a NaN or an infinity out, instead of refusing the matrix.
    #[arg(long)]
    pub(crate) drop_nonfinite: bool,
    #[command(flatten)]
    pub(crate) plugins: PluginDirArgs,
    /// What to print.
    #[arg(short, long, value_enum, default_value_t = Format::Table)]
    pub(crate) output: Format,
}

/// Arguments of `fleet`.
#[derive(Debug, Args)]
pub(crate) struct FleetArgs {
    #[command(flatten)]
    pub(crate) connect: ConnectArgs,
    /// What to print.
    #[arg(short, long, value_enum, default_value_t = PlanFormat::Table)]
    pub(crate) output: PlanFormat,
}

/// Form of printed results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A table for people.
    Table,
    /// A JSON array.
    Json,
    /// Comma-separated values with a header line.
    Csv,
    /// A Parquet file: its path where files are written, its bytes otherwise.
    Parquet,
}

/// Form of what is printed of plans, jobs, workers and plugins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PlanFormat {
    /// For people.
    Table,
    /// JSON.
    Json,
}
