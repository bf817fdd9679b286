//! `isoscope plugin check-law`: one law, tried in this process. It may crash or hang; `plugin check` watches it.

use super::args::LawArgs;
use crate::failure::Failure;
use anyhow::Context as _;
use isoscope_plugin_check::{law, limit_memory};
use std::io::Write as _;

/// Tries a law and prints the outcome as a line of JSON.
pub(super) fn run(args: &LawArgs) -> anyhow::Result<()> {
    let law =
        law(&args.law).ok_or_else(|| Failure::field("--law", format!("there is no law {}", args.law)))?;
    let _ = isoscope_worker::use_one_blas_thread();
    limit_memory().context("the limit on memory could not be set")?;
    let outcome = law.judge(&args.file, args.op.as_deref());
    // A line of its own, whatever the plugin printed before.
    Ok(writeln!(std::io::stdout().lock(), "\n{}", serde_json::to_string(&outcome)?)?)
}
