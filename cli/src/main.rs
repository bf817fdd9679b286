//! `isoscope`: measures the geometry of the embedding space of encoder models.
#![forbid(unsafe_code)]

mod apply;
mod args;
mod client;
mod connect;
mod coordinator;
mod doctor;
mod encode;
mod failure;
mod fleet;
mod job;
mod local;
mod measure;
mod metrics;
mod npy;
mod output;
mod overrides;
mod plan;
mod plugin;
mod presets;
mod progress;
mod results;
mod run;
mod save;
mod scratch;
mod settings;
mod signals;
mod study_file;
mod times;
mod token;
mod words;
mod worker;

use anyhow::Context as _;
use args::{Cli, Command};
use clap::Parser as _;
use failure::Failure;
use scratch::Scratch;
use settings::Settings;
use std::process::ExitCode;
use std::time::Duration;

/// Longest wait for threads of tasks that were given up, which notice at their next batch.
const WIND_DOWN: Duration = Duration::from_secs(10);

fn main() -> ExitCode {
    let cli = Cli::parse();
    match start(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            failure::print(&error);
            ExitCode::from(failure::exit_code(&error))
        }
    }
}

fn start(cli: &Cli) -> anyhow::Result<()> {
    let settings = settings::load(cli)?;
    settings::start_logging(&settings.log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the runtime did not start")?;
    let scratch = Scratch::default();
    let outcome = runtime.block_on(dispatch(&cli.command, &settings, &scratch));
    runtime.shutdown_timeout(WIND_DOWN);
    scratch.remove();
    outcome
}

async fn dispatch(command: &Command, settings: &Settings, scratch: &Scratch) -> anyhow::Result<()> {
    match command {
        Command::Run(args) => interruptible(run::run(args, settings, scratch)).await,
        Command::Plan(args) => interruptible(plan::run(args, settings, scratch)).await,
        Command::Measure(args) => interruptible(measure::run(args, settings, scratch)).await,
        Command::Job(args) => interruptible(job::run(args, settings)).await,
        Command::Fleet(args) => interruptible(fleet::run(args, settings)).await,
        Command::Plugin(args) => interruptible(plugin::run(args, settings)).await,
        Command::Encode(args) => interruptible(encode::run(args.clone(), settings)).await,
        Command::Apply(args) => apply::run(args, settings),
        Command::Metrics(args) => metrics::run(args, settings),
        Command::Doctor => doctor::run(settings),
        // These two catch signals themselves.
        Command::Coordinator(args) => coordinator::run(args, &settings.coordinator).await,
        Command::Worker(args) => worker::run(args, settings, scratch).await,
    }
}

/// Does `work` until Ctrl-C.
async fn interruptible(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    tokio::select! {
        // The work is asked first: it knows more of a Ctrl-C while it follows a job that goes on without it.
        biased;
        outcome = work => outcome,
        _ = tokio::signal::ctrl_c() => Err(Failure::Interrupted.into()),
    }
}
