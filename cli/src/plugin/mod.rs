//! `isoscope plugin`.

pub(crate) mod args;
mod check;
mod create;
mod fleet;
mod law;
mod list;
mod measure;
mod template;

use self::args::{PluginArgs, PluginCommand};
use crate::args::PlanFormat;
use crate::settings::Settings;
use comfy_table::Table;
use serde::Serialize;
use std::io::Write as _;

/// Runs a `plugin` command.
pub(crate) async fn run(args: &PluginArgs, settings: &Settings) -> anyhow::Result<()> {
    match &args.command {
        PluginCommand::List(args) => match args.connect.remote(&settings.client)? {
            Some(coordinator) => fleet::run(coordinator, args.output).await,
            None => list::run(args, settings),
        },
        PluginCommand::New(args) => create::run(args),
        PluginCommand::Check(args) => check::run(args).await,
        PluginCommand::Run(args) => measure::run(args),
        PluginCommand::CheckLaw(args) => law::run(args),
    }
}

/// Prints lines as JSON or as the table that they make.
fn print<T: Serialize>(
    lines: &[T],
    format: PlanFormat,
    table: impl FnOnce(&[T]) -> Table,
) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match format {
        PlanFormat::Json => writeln!(out, "{}", serde_json::to_string_pretty(lines)?)?,
        PlanFormat::Table => writeln!(out, "{}", table(lines))?,
    }
    Ok(())
}

/// Enough of a digest to tell files apart; what is built in needs none.
fn short(digest: &str) -> String {
    match digest.strip_prefix("built-in:") {
        Some(_) => "built-in".to_owned(),
        None => digest.chars().take("sha256:".len() + 12).collect(),
    }
}
