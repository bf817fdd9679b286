//! `isoscope`: measures the geometry of the embedding space of encoder models.
#![forbid(unsafe_code)]

mod args;
mod client;
mod doctor;
mod failure;
mod local;
mod measure;
mod output;
mod overrides;
mod plan;
mod plugin;
mod progress;
mod run;
mod save;
mod settings;
mod study_file;

use anyhow::Context as _;
use args::{Cli, Command};
use clap::Parser as _;
use failure::Failure;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match start(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            failure::print(&error);
            ExitCode::from(failure::exit_code(&error))
        }
    }
}

fn start(cli: Cli) -> anyhow::Result<()> {
    let settings = settings::load(&cli)?;
    settings::start_logging(&settings.log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime did not start")?;
    runtime.block_on(async {
        tokio::select! {
            outcome = dispatch(cli.command, &settings) => outcome,
            _ = tokio::signal::ctrl_c() => Err(Failure::Interrupted.into()),
        }
    })
}

async fn dispatch(command: Command, settings: &settings::Settings) -> anyhow::Result<()> {
    match command {
        Command::Run(args) => run::run(args, settings).await,
        Command::Plan(args) => plan::run(args, settings).await,
        Command::Measure(args) => measure::run(args, settings).await,
        Command::Plugin(args) => plugin::run(&args),
        Command::Doctor => doctor::run(settings),
    }
}
