//! `isoscope job`: jobs of a coordinator.

pub(crate) mod args;
mod describe;
mod document;
mod get;
mod list;
mod name;
mod results;
mod submit;
mod watch;

pub(crate) use name::JobName;

use crate::client::Client;
use crate::settings::Settings;
use args::{JobArgs, JobCommand};

/// Runs a `job` command.
pub(crate) async fn run(args: &JobArgs, settings: &Settings) -> anyhow::Result<()> {
    let client = |connect: &crate::connect::ConnectArgs| -> anyhow::Result<Client> {
        Ok(Client::elsewhere(connect.required(&settings.client)?))
    };
    match &args.command {
        JobCommand::Submit(args) => submit::run(args, client(&args.connect)?).await,
        JobCommand::List(args) => list::run(args, client(&args.connect)?).await,
        JobCommand::Get(args) => get::run(args, client(&args.connect)?).await,
        JobCommand::Describe(args) => describe::run(args, client(&args.connect)?).await,
        JobCommand::Watch(args) => watch::run(args, client(&args.connect)?).await,
        JobCommand::Wait(args) => watch::wait(args, client(&args.connect)?).await,
        JobCommand::Cancel(args) => get::cancel(args, client(&args.connect)?).await,
        JobCommand::Results(args) => results::run(args, client(&args.connect)?).await,
    }
}
