//! `isoscope plugin check`: every law, each in a process of its own, so that a plugin that crashes or hangs breaks one law and
//! nothing else.

use super::args::CheckArgs;
use super::print;
use crate::failure::Failure;
use crate::output;
use anyhow::{Context as _, bail};
use comfy_table::Table;
use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use isoscope_core::catalogue::Manifest;
use isoscope_plugin_check::{Law, Outcome, Verdict, laws, read_manifest};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Output, Stdio};
use std::time::Duration;
use tokio::process::Command;

/// One line of the answer.
#[derive(Debug, Serialize)]
struct Line {
    /// Id of the op; empty for a law about the file.
    op: String,
    law: &'static str,
    verdict: Verdict,
    detail: String,
}

/// Checks a plugin file.
pub(super) async fn run(args: &CheckArgs) -> anyhow::Result<()> {
    let file = args.file.canonicalize().map_err(|e| {
        Failure::Input(format!("{} cannot be read: {e}; name a plugin file (.so)", args.file.display()))
    })?;
    let trials = Trials {
        program: std::env::current_exe().context("the path of this program")?,
        limit: Duration::from_secs(args.timeout),
        file,
    };
    let lines = check(&trials, args.op.as_deref()).await?;
    print(&lines, args.output, table)?;
    let count = |verdict| lines.iter().filter(|line| line.verdict == verdict).count();
    if let Some(line) = gate(&lines).filter(|line| line.op.is_empty()) {
        eprintln!("the laws of its ops were not tried: {} is broken", line.law);
    }
    let (held, broken) = (count(Verdict::Holds), count(Verdict::Broken));
    eprintln!("{held} hold, {broken} broken, {} do not apply", count(Verdict::DoesNotApply));
    if broken > 0 {
        bail!("{} breaks {broken} of the laws of plugins", args.file.display());
    }
    Ok(())
}

/// Tries the laws of the file, then, when it can be loaded, those of each op.
async fn check(trials: &Trials, only: Option<&str>) -> anyhow::Result<Vec<Line>> {
    let (of_ops, of_file): (Vec<&Law>, Vec<&Law>) = laws().iter().partition(|law| law.is_about_ops());
    let mut lines = trials.all(of_file.into_iter().map(|law| (law, None))).await?;
    let ops = op_ids(&trials.file, only)?;
    if gate(&lines).is_some() {
        return Ok(lines);
    }
    let (gates, others): (Vec<&Law>, Vec<&Law>) = of_ops.into_iter().partition(|law| law.gate);
    let pairs = |laws: Vec<&'static Law>, ops: &[&String]| {
        let pairs = ops.iter().flat_map(|&op| laws.iter().map(move |&law| (law, Some(op.clone()))));
        pairs.collect::<Vec<_>>()
    };
    let first = trials.all(pairs(gates, &ops.iter().collect::<Vec<_>>())).await?;
    let stopped = |op: &String| first.iter().find(|line| line.op == *op && line.verdict == Verdict::Broken);
    let sound: Vec<&String> = ops.iter().filter(|op| stopped(op).is_none()).collect();
    let rest = trials.all(pairs(others, &sound)).await?;
    let place = |line: &Line| {
        let law = laws().iter().position(|law| law.id == line.law);
        (ops.iter().position(|op| *op == line.op), law)
    };
    let mut tried: Vec<Line> = first.into_iter().chain(rest).collect();
    tried.sort_by_key(place);
    lines.append(&mut tried);
    Ok(lines)
}

/// The first broken law without which the others make no sense.
fn gate(lines: &[Line]) -> Option<&Line> {
    let gates = |line: &&Line| laws().iter().any(|law| law.id == line.law && law.gate);
    lines.iter().filter(gates).find(|line| line.verdict == Verdict::Broken)
}

/// Ids of the ops to check, read from the manifest without running the plugin; none when there is no manifest.
fn op_ids(file: &Path, only: Option<&str>) -> Result<Vec<String>, Failure> {
    let text = read_manifest(file).unwrap_or_default();
    let Ok(manifest) = serde_json::from_str::<Manifest>(&text) else { return Ok(Vec::new()) };
    let ids: Vec<String> = manifest.ops.into_iter().map(|op| op.id).collect();
    match only {
        Some(op) if !ids.iter().any(|id| id == op) => {
            Err(Failure::field("--op", format!("the plugin has no op {op}; it has {}", ids.join(", "))))
        }
        Some(op) => Ok(vec![op.to_owned()]),
        None => Ok(ids),
    }
}

/// How laws are tried.
struct Trials {
    program: PathBuf,
    file: PathBuf,
    limit: Duration,
}

impl Trials {
    /// Tries laws, as many at once as there are cores; the lines are in the order of the laws.
    async fn all(
        &self,
        laws: impl IntoIterator<Item = (&'static Law, Option<String>)>,
    ) -> anyhow::Result<Vec<Line>> {
        let at_once = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let lines = stream::iter(laws).map(|(law, op)| async move {
            let Outcome { verdict, detail } = self.one(law, op.as_deref()).await?;
            anyhow::Ok(Line { op: op.unwrap_or_default(), law: law.id, verdict, detail })
        });
        lines.buffered(at_once).try_collect().await
    }

    async fn one(&self, law: &Law, op: Option<&str>) -> anyhow::Result<Outcome> {
        let mut command = Command::new(&self.program);
        command.args(["plugin", "check-law", "--law", law.id]);
        command.args(op.map(|op| format!("--op={op}"))).arg("--").arg(&self.file);
        for pool in ["OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "RAYON_NUM_THREADS"] {
            command.env(pool, "1");
        }
        command.stdin(Stdio::null()).kill_on_drop(true);
        match tokio::time::timeout(self.limit, command.output()).await {
            Ok(output) => Ok(read(&output.context("the process of a law could not be started")?)),
            Err(_) => Ok(broken(format!("no end after {} s", self.limit.as_secs()))),
        }
    }
}

fn broken(detail: String) -> Outcome {
    Outcome { verdict: Verdict::Broken, detail }
}

/// Reads what a law's process answered; one that crashed is a broken law.
fn read(output: &Output) -> Outcome {
    let text = String::from_utf8_lossy(&output.stdout);
    let answer = text.lines().rev().find_map(|line| serde_json::from_str::<Outcome>(line).ok());
    match answer {
        Some(outcome) if output.status.success() => outcome,
        _ => broken(ended(output.status, &String::from_utf8_lossy(&output.stderr))),
    }
}

/// Says how a process ended, with the last line that it wrote to standard error.
fn ended(status: ExitStatus, stderr: &str) -> String {
    match stderr.lines().map(str::trim).rfind(|line| !line.is_empty()) {
        Some(last) => format!("the plugin ended the process ({status}): {last}"),
        None => format!("the plugin ended the process ({status})"),
    }
}

/// Everything but what does not apply.
fn table(lines: &[Line]) -> Table {
    let mut table = output::sheet(&["op", "law", "verdict", "detail"]);
    for line in lines.iter().filter(|line| line.verdict != Verdict::DoesNotApply) {
        let verdict = if line.verdict == Verdict::Holds { "holds" } else { "BROKEN" };
        table.add_row([line.op.as_str(), line.law, verdict, &line.detail]);
    }
    table
}
