//! `isoscope encode`: the hidden states of text or token ids, as files.

pub(crate) mod args;
mod folder;
mod index;
mod positioned;
mod study;
mod table;

use crate::failure::Failure;
use crate::settings::Settings;
use anyhow::Context as _;
use args::EncodeArgs;
use folder::Folder;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use isoscope_core::plan::numerics;
use isoscope_core::result::Tally;
use isoscope_core::violation::{Violation, Violations};
use isoscope_worker::encode::{EncodeError, Encoding};
use isoscope_worker::{
    ComputeDevice, DeviceName, WorkerError, keep_freed_memory, numerics_class, use_one_blas_thread,
};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Encodes and writes; when the future is dropped the threads stop at their next batch, and nothing is left behind.
pub(crate) async fn run(args: EncodeArgs, settings: &Settings) -> anyhow::Result<()> {
    let threads = args.threads.map_or(settings.worker.resolved_slots(), |threads| threads as usize);
    let device = settings.worker.device_name().map_err(|wrong| Failure::Study(Violations(vec![wrong])))?;
    let stop = Arc::new(AtomicBool::new(false));
    let _stopping = Stopping(Arc::clone(&stop));
    let work = tokio::task::spawn_blocking(move || encode(&args, threads, device, &stop));
    let line = work.await.context("the encoding ended unexpectedly")??;
    Ok(writeln!(std::io::stdout().lock(), "{line}")?)
}

/// Stops the threads when it is dropped.
struct Stopping(Arc<AtomicBool>);

impl Drop for Stopping {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Encodes on as many threads; returns a line about what was written.
fn encode(
    args: &EncodeArgs,
    threads: usize,
    device: DeviceName,
    stop: &AtomicBool,
) -> anyhow::Result<String> {
    folder::check_free(&args.out)?;
    let study = study::make(args)?;
    let base = std::env::current_dir().context("the working directory")?;
    let _ = use_one_blas_thread();
    let _ = keep_freed_memory(threads);
    let device = ComputeDevice::open(device).map_err(|error| Failure::Input(error.to_string()))?;
    let encoding = match &args.token_ids {
        Some(file) => Encoding::of_token_ids(study, file, &base, &device),
        None => Encoding::of_texts(study, &base, &device),
    };
    let encoding = encoding.map_err(failed)?;
    let folder = Folder::create(&args.out, &encoding, args.format)?;
    let bar = bar(encoding.dataset_rows());
    let outcome = encoding.run(threads, &folder, &|rows| bar.set_position(rows), stop);
    bar.finish_and_clear();
    let tally = outcome.map_err(failed)?;
    let rows = folder.rows();
    folder.commit(&manifest(args, &encoding, &device, rows, &tally))?;
    Ok(summary(args, &encoding, rows, &tally))
}

/// A bar on a terminal, nothing otherwise.
fn bar(rows: Option<u64>) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(rows, ProgressDrawTarget::stderr());
    let form = if rows.is_some() {
        "{bar:24} {pos}/{len} rows of the dataset  {elapsed_precise}"
    } else {
        "{spinner} {pos} texts  {elapsed_precise}"
    };
    bar.set_style(ProgressStyle::with_template(form).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

/// What was encoded, by what, and how.
fn manifest(
    args: &EncodeArgs,
    encoding: &Encoding,
    device: &ComputeDevice,
    rows: u64,
    tally: &Tally,
) -> Value {
    let (facts, representation) = (encoding.facts(), encoding.representation());
    json!({
        "isoscope": env!("CARGO_PKG_VERSION"),
        "numerics_class": numerics(&numerics_class(device), representation.dtype),
        "model": {
            "source": args.model,
            "base": args.adapter_base,
            "model_type": facts.model_type,
            "revision": facts.revision,
            "weights_digest": facts.weights_digest,
            "tokenizer_digest": facts.tokenizer_digest,
        },
        "data": {
            "source": args.data.clone().or_else(|| args.token_ids.as_ref().map(|file| file.display().to_string())),
            "digest": encoding.dataset_digest(),
        },
        "unit": representation.unit,
        "pooling": encoding.row_kind().pooling(),
        "exclude": representation.exclude,
        "max_tokens": encoding.max_tokens(),
        "batch_tokens": encoding.batch_tokens(),
        "layers": encoding.layers(),
        "format": args.format.extension(),
        "dtype": "float32",
        "rows": rows,
        "width": facts.width,
        "texts": tally.texts,
        "tokens": tally.tokens,
        "truncated_texts": tally.truncated_texts,
        "truncated_tokens": tally.truncated_tokens,
        "texts_without_rows": tally.texts_without_rows,
    })
}

fn summary(args: &EncodeArgs, encoding: &Encoding, rows: u64, tally: &Tally) -> String {
    let (out, layers, width) = (args.out.display(), encoding.layers().len(), encoding.facts().width);
    let plural = if layers == 1 { "" } else { "s" };
    let mut line = format!("{out}: {layers} layer{plural} of {rows} × {width}, {} texts", tally.texts);
    if tally.truncated_texts > 0 {
        let (cut, limit) = (tally.truncated_texts, encoding.max_tokens());
        let _ = write!(line, ", {cut} of them cut at {limit} tokens");
    }
    if tally.texts_without_rows > 0 {
        let _ = write!(line, ", {} of them without a row", tally.texts_without_rows);
    }
    line
}

/// What ended an encoding, by the flags of the command line.
fn failed(error: EncodeError) -> anyhow::Error {
    match error {
        EncodeError::Study(Violations(found)) => {
            let flag = |field: &str| match field {
                "representation.layers" => "--layers".to_owned(),
                "representation.max_tokens" => "--max-tokens".to_owned(),
                "representation.pooling" => "--pooling".to_owned(),
                other => other.to_owned(),
            };
            let found = found.into_iter().map(|wrong| Violation::new(flag(&wrong.field), wrong.message));
            Failure::Study(Violations(found.collect())).into()
        }
        EncodeError::Worker(WorkerError::LongText { dataset, row, limit }) => Failure::Input(format!(
            "{dataset}, row {row}: longer than {limit} tokens; shorten it, or cut it with --on-long-text truncate"
        ))
        .into(),
        EncodeError::Stopped => Failure::Interrupted.into(),
        EncodeError::Files(source) => anyhow::Error::from_boxed(source).context("the rows could not be written"),
        other => Failure::Input(other.to_string()).into(),
    }
}
