//! `isoscope metrics`: the catalogue of ops, made of the manifests of the plugins of this machine.

pub(crate) mod args;
mod catalogue;
mod description;
mod list;
mod show;

use self::args::{MetricsArgs, MetricsCommand};
use crate::settings::Settings;

/// Runs a `metrics` command.
pub(crate) fn run(args: &MetricsArgs, settings: &Settings) -> anyhow::Result<()> {
    let entries = catalogue::load(settings)?;
    match &args.command {
        MetricsCommand::List(args) => list::run(args, &entries),
        MetricsCommand::Show(args) => show::run(args, &entries),
    }
}
