//! `isoscope run`.

use crate::args::RunArgs;
use crate::client::{Client, Place, Submission};
use crate::progress::Progress;
use crate::results::{self, Printed};
use crate::scratch::Scratch;
use crate::settings::Settings;
use crate::study_file;
use std::path::{Path, PathBuf};

/// Runs a study, here or on the workers of a coordinator; writes its files and prints its rows.
pub(crate) async fn run(args: &RunArgs, settings: &Settings, scratch: &Scratch) -> anyhow::Result<()> {
    let study = study_file::load(&args.study)?;
    let directory = args.out.clone().unwrap_or_else(|| PathBuf::from("out").join(&study.name));
    let submission = Submission::new(&study, study_file::base(&args.study)?);
    let mut place = Place::open(&args.connect, settings, scratch).await?;
    let outcome = finish(&mut place.client, &submission, args, &directory).await;
    place.close(outcome).await
}

async fn finish(
    client: &mut Client,
    submission: &Submission<'_>,
    args: &RunArgs,
    directory: &Path,
) -> anyhow::Result<()> {
    let job = client.run(submission, &Progress::start()).await?;
    results::save(client, &job, directory).await?;
    let printed = Printed { format: args.output, errors: args.errors, saved: Some(directory) };
    results::print(client, &job, printed).await
}
