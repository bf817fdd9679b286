//! The command line of `isoscope plugin`. Its doc comments are the help that people read, so they are plain text.
#![allow(clippy::doc_markdown)]

use super::template::{Kind, Language};
use crate::args::PlanFormat;
use crate::connect::ConnectArgs;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// Arguments of `plugin`.
#[derive(Debug, Args)]
pub(crate) struct PluginArgs {
    #[command(subcommand)]
    pub(crate) command: PluginCommand,
}

/// What to do with plugins.
#[derive(Debug, Subcommand)]
pub(crate) enum PluginCommand {
    /// List the built-in plugins and those of a directory, or those of every worker of a coordinator, with the reason for
    /// every file that is refused.
    List(ListArgs),
    /// Write a new plugin that builds and keeps every law, to start from.
    New(NewArgs),
    /// Try every law of plugins on a file, each in a process of its own.
    Check(CheckArgs),
    /// Measure a matrix with one op of a plugin file, on this machine.
    Run(RunArgs),
    /// Try one law in this process and print the outcome; `plugin check` calls it.
    #[command(hide = true)]
    CheckLaw(LawArgs),
}

/// Arguments of `plugin list`.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Directory of plugin files (.so).
    #[arg(long, value_name = "DIR", env = "ISOSCOPE_PLUGIN_DIR")]
    pub(crate) dir: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) connect: ConnectArgs,
    /// What to print.
    #[arg(short, long, value_enum, default_value_t = PlanFormat::Table)]
    pub(crate) output: PlanFormat,
}

/// Arguments of `plugin new`.
#[derive(Debug, Args)]
pub(crate) struct NewArgs {
    /// Name of the plugin and of its op: lower-case letters, digits and underscores, a letter first.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// What its op does: metric reads rows, moments reads the moments of all rows, enhancement maps rows, probe is trained on
    /// one part of the rows and judged on the other, comparison reads two clouds.
    #[arg(long, value_enum)]
    pub(crate) kind: Kind,
    /// Language.
    #[arg(long, value_enum)]
    pub(crate) lang: Language,
    /// Directory to write; by default NAME. It must be empty or not be there.
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Directory of the crate isoscope-plugin-sdk, for Rust; by default that of the tree from which this program was built.
    #[arg(long, value_name = "DIR")]
    pub(crate) sdk: Option<PathBuf>,
}

/// Arguments of `plugin check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The plugin file.
    #[arg(value_name = "FILE.so")]
    pub(crate) file: PathBuf,
    /// Check this op only.
    #[arg(long, value_name = "ID")]
    pub(crate) op: Option<String>,
    /// Seconds after which a law counts as broken.
    #[arg(long, value_name = "SECONDS", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) timeout: u64,
    /// What to print.
    #[arg(short, long, value_enum, default_value_t = PlanFormat::Table)]
    pub(crate) output: PlanFormat,
}

/// Arguments of `plugin check-law`.
#[derive(Debug, Args)]
pub(crate) struct LawArgs {
    /// The plugin file.
    #[arg(value_name = "FILE.so")]
    pub(crate) file: PathBuf,
    /// The law.
    #[arg(long, value_name = "ID")]
    pub(crate) law: String,
    /// The op, for a law about ops.
    #[arg(long, value_name = "ID")]
    pub(crate) op: Option<String>,
}

/// Arguments of `plugin run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The plugin file.
    #[arg(value_name = "FILE.so")]
    pub(crate) file: PathBuf,
    /// The matrix; rows are observations.
    #[arg(long, value_name = "X.npy")]
    pub(crate) on: PathBuf,
    /// The op; needed when the plugin has several.
    #[arg(long, value_name = "ID")]
    pub(crate) op: Option<String>,
    /// Its parameters.
    #[arg(long, value_name = "JSON", default_value = "{}")]
    pub(crate) params: String,
    /// What to print.
    #[arg(short, long, value_enum, default_value_t = PlanFormat::Table)]
    pub(crate) output: PlanFormat,
}
