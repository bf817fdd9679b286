//! `isoscope job results`.

use super::args::ResultsArgs;
use crate::client::Client;
use crate::failure::Failure;
use crate::results::{self, Printed};
use crate::words;
use isoscope_proto::v1::job::State;

/// Prints the rows of a job, and writes its files where a directory is named.
pub(super) async fn run(args: &ResultsArgs, mut client: Client) -> anyhow::Result<()> {
    let job = client.job(&args.job).await?;
    if job.state() != State::Succeeded {
        let reason =
            if job.state_reason.is_empty() { String::new() } else { format!(": {}", job.state_reason) };
        let state = words::job_state(job.state());
        return Err(Failure::State(format!("{} has no results, it is {state}{reason}", job.name)).into());
    }
    if let Some(directory) = &args.out {
        results::save(&mut client, &job, directory).await?;
    }
    let printed = Printed { format: args.output, errors: args.errors, saved: args.out.as_deref() };
    results::print(&mut client, &job, printed).await
}
