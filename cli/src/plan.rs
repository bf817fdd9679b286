//! `isoscope plan`.

use crate::args::{PlanArgs, PlanFormat};
use crate::client::Client;
use crate::local::Local;
use crate::output;
use crate::progress::Progress;
use crate::settings::Settings;
use crate::study_file;
use isoscope_core::plan::Plan;
use isoscope_core::study::Study;
use std::io::Write as _;

/// Checks a study against its sources and shows how it would run.
pub(crate) async fn run(args: PlanArgs, settings: &Settings) -> anyhow::Result<()> {
    let study = study_file::load(&args.study)?;
    let local = Local::start(&settings.worker).await?;
    let outcome = fetch(&study, Client::new(local.channel())).await;
    local.stop().await?;
    let plan = outcome?;
    let mut out = std::io::stdout().lock();
    match args.output {
        PlanFormat::Json => writeln!(out, "{}", serde_json::to_string_pretty(&plan)?)?,
        PlanFormat::Table => writeln!(out, "{}", output::plan(&plan, &plan.digest()?))?,
    }
    Ok(())
}

async fn fetch(study: &Study, mut client: Client) -> anyhow::Result<Plan> {
    let job = client.run(study, true, &Progress::silent()).await?;
    client.plan(&job.name).await
}
