//! The command line. Its doc comments are the help that people read, so they are plain text.
#![allow(clippy::doc_markdown)]

use crate::connect::ConnectArgs;
use crate::coordinator::CoordinatorArgs;
use crate::encode::args::EncodeArgs;
use crate::job::args::JobArgs;
use crate::metrics::args::MetricsArgs;
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
    /// Device that encoders run on: cpu, cuda (the first GPU) or cuda:N; by default the CPU.
    #[arg(long, global = true, value_name = "DEVICE")]
    pub(crate) device: Option<String>,
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
    /// Measure a precomputed matrix (.npy, rows are observations), or compare two.
    Measure(MeasureArgs),
    /// Write the hidden states of text or token ids as files, layer by layer.
    Encode(EncodeArgs),
    /// Map the rows of a matrix by an enhancement that a study fitted (out/STUDY/transforms/).
    Apply(ApplyArgs),
    /// Submit jobs to a coordinator, follow them and fetch their results.
    Job(JobArgs),
    /// List the workers of a coordinator.
    Fleet(FleetArgs),
    /// Serve as the coordinator: takes jobs, hands their tasks to workers and keeps the results.
    Coordinator(CoordinatorArgs),
    /// Work for a coordinator.
    Worker(WorkerArgs),
    /// Look up metrics, comparisons, probes, evaluations and enhancements: what they compute, cost and need.
    Metrics(MetricsArgs),
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
            Self::Apply(args) => args.plugins.plugins.as_ref(),
            Self::Metrics(args) => args.plugins(),
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
    /// Study file: TOML, YAML or JSON; or a study that comes with the program, e.g. paper:rajaee2021.
    #[arg(value_name = "STUDY")]
    pub(crate) study: PathBuf,
    /// Take this directory, or hf:// or s3:// address, for a model of the study; repeat for several.
    #[arg(long = "model", value_name = "NAME=SOURCE")]
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
    /// Show standard errors in tables.
    #[arg(long)]
    pub(crate) errors: bool,
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
    /// The matrix; a second one of as many rows makes it a comparison of the two.
    #[arg(value_name = "X.npy", required = true, num_args = 1..=2)]
    pub(crate) matrices: Vec<PathBuf>,
    /// Id of a value, an op or a family, of metrics, evaluations and probes, or of comparisons for two matrices; `all` for every
    /// metric, or comparison, that the matrix and its columns suffice for. Repeat for several.
    #[arg(long = "metric", value_name = "ID", default_value = "all")]
    pub(crate) metrics: Vec<String>,
    /// Classes of the rows: a vector (.npy) or a text file with one value a line. The same as --column label=FILE.
    #[arg(long, value_name = "FILE")]
    pub(crate) labels: Option<String>,
    /// Groups of the rows, such as their words. The same as --column word=FILE.
    #[arg(long, value_name = "FILE")]
    pub(crate) groups: Option<String>,
    /// Any column of the rows, e.g. sentence, gold, head, split (train or test), or a name that a parameter names. Repeat for several.
    #[arg(long = "column", value_name = "NAME=FILE")]
    pub(crate) columns: Vec<String>,
    /// A parameter of what is measured, e.g. k=20. Repeat for several; each op takes those that it knows.
    #[arg(long = "param", value_name = "NAME=VALUE")]
    pub(crate) params: Vec<String>,
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

/// Arguments of `apply`.
#[derive(Debug, Args)]
pub(crate) struct ApplyArgs {
    /// File of the fitted enhancement.
    #[arg(value_name = "ARTEFACT")]
    pub(crate) artefact: PathBuf,
    /// The matrix: .npy of 32- or 64-bit floats, with the columns that the enhancement was fitted on.
    #[arg(value_name = "X.npy")]
    pub(crate) matrix: PathBuf,
    /// File to write; by default X.applied.npy.
    #[arg(short, long, value_name = "Y.npy")]
    pub(crate) output: Option<PathBuf>,
    /// Write 64-bit floats whatever the matrix holds.
    #[arg(long)]
    pub(crate) f64: bool,
    #[command(flatten)]
    pub(crate) plugins: PluginDirArgs,
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
    /// The tables in Markdown.
    Markdown,
    /// The tables in LaTeX, for the package booktabs.
    Latex,
}

/// Form of what is printed of plans, jobs, workers and plugins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum PlanFormat {
    /// For people.
    Table,
    /// JSON.
    Json,
}
