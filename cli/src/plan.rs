//! `isoscope plan`.

use crate::args::{PlanArgs, PlanFormat};
use crate::client::{Client, Place, Submission};
use crate::progress::Progress;
use crate::scratch::Scratch;
use crate::settings::Settings;
use crate::{output, study_file};
use isoscope_core::plan::Plan;
use std::io::Write as _;

/// Checks a study against its sources and shows how it would run.
pub(crate) async fn run(args: &PlanArgs, settings: &Settings, scratch: &Scratch) -> anyhow::Result<()> {
    let study = study_file::load(&args.study)?;
    let submission =
        Submission { plan_only: true, ..Submission::new(&study, study_file::base(&args.study)?) };
    let mut place = Place::open(&args.connect, settings, scratch).await?;
    let outcome = fetch(&mut place.client, &submission).await;
    print(&place.close(outcome).await?, args.output)
}

/// Hands a study in that ends with its plan, and fetches that.
pub(crate) async fn fetch(client: &mut Client, submission: &Submission<'_>) -> anyhow::Result<Plan> {
    let job = client.run(submission, &Progress::silent()).await?;
    client.plan(&job.name).await
}

/// Prints a plan.
pub(crate) fn print(plan: &Plan, format: PlanFormat) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match format {
        PlanFormat::Json => writeln!(out, "{}", serde_json::to_string_pretty(plan)?)?,
        PlanFormat::Table => writeln!(out, "{}", output::plan(plan, &plan.digest()?))?,
    }
    Ok(())
}
