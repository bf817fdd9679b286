//! The command line of `isoscope metrics`. Its doc comments are the help that people read, so they are plain text.
#![allow(clippy::doc_markdown)]

use crate::args::{PlanFormat, PluginDirArgs};
use clap::{Args, Subcommand, ValueEnum};
use isoscope_core::catalogue;
use std::path::PathBuf;

/// Arguments of `metrics`.
#[derive(Debug, Args)]
pub(crate) struct MetricsArgs {
    #[command(subcommand)]
    pub(crate) command: MetricsCommand,
}

impl MetricsArgs {
    /// The directory of plugins that a flag names.
    pub(crate) fn plugins(&self) -> Option<&PathBuf> {
        match &self.command {
            MetricsCommand::List(args) => args.plugins.plugins.as_ref(),
            MetricsCommand::Show(args) => args.plugins.plugins.as_ref(),
        }
    }
}

/// What to do with the catalogue.
#[derive(Debug, Subcommand)]
pub(crate) enum MetricsCommand {
    /// List every value that the plugins of this machine report, and every enhancement.
    List(ListArgs),
    /// Show what an op computes: formula, values, parameters, cost and reference.
    Show(ShowArgs),
}

/// Arguments of `metrics list`.
#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// List one kind only.
    #[arg(long, value_enum)]
    pub(crate) kind: Option<KindArg>,
    #[command(flatten)]
    pub(crate) plugins: PluginDirArgs,
    /// What to print.
    #[arg(short, long, value_enum, default_value_t = PlanFormat::Table)]
    pub(crate) output: PlanFormat,
}

/// Arguments of `metrics show`.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Id of an op, of one of its values, or of an enhancement.
    #[arg(value_name = "ID")]
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) plugins: PluginDirArgs,
    /// What to print.
    #[arg(short, long, value_enum, default_value_t = PlanFormat::Table)]
    pub(crate) output: PlanFormat,
}

/// Kind of an op.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum KindArg {
    /// One cloud to values.
    Metric,
    /// Fitted, then applied to rows.
    Enhancement,
    /// A score against gold labels.
    Evaluation,
    /// Trained on labelled rows.
    Probe,
    /// Two row-aligned clouds to values.
    Comparison,
}

impl From<KindArg> for catalogue::Kind {
    fn from(kind: KindArg) -> Self {
        match kind {
            KindArg::Metric => Self::Metric,
            KindArg::Enhancement => Self::Enhancement,
            KindArg::Evaluation => Self::Evaluation,
            KindArg::Probe => Self::Probe,
            KindArg::Comparison => Self::Comparison,
        }
    }
}
