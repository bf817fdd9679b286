//! `isoscope apply`: a fitted enhancement at work on rows of one's own.

mod npy;

use crate::args::ApplyArgs;
use crate::failure::Failure;
use crate::settings::Settings;
use isoscope_core::artefact::Artefact;
use isoscope_worker::dataset::npy::Dtype;
use isoscope_worker::transform::Transform;
use isoscope_worker::{PluginDirectory, PluginSet, rows, use_one_blas_thread};
use npy::{Blocks, Written};
use std::fmt::Display;
use std::path::{Path, PathBuf};

/// Rows mapped at once.
const BLOCK: usize = 2048;

/// Maps the rows of a matrix and writes them.
pub(crate) fn run(args: &ApplyArgs, settings: &Settings) -> anyhow::Result<()> {
    let _ = use_one_blas_thread();
    let bytes = std::fs::read(&args.artefact).map_err(|e| wrong(&args.artefact, e))?;
    let artefact = Artefact::from_bytes(&bytes).map_err(|e| wrong(&args.artefact, e))?;
    let transform = Transform::open(&artefact, &plugins(settings)?).map_err(|e| wrong(&args.artefact, e))?;
    for warning in &transform.warnings {
        eprintln!("warning: {}: {warning}", args.artefact.display());
    }
    let mut blocks = Blocks::open(&args.matrix)?;
    if blocks.cols() != transform.input() {
        let (found, wanted) = (blocks.cols(), transform.input());
        let message = format!(
            "it has {found} columns, and `{}` of {} was fitted on rows of {wanted}; take rows of the same encoder",
            artefact.space,
            args.artefact.display(),
        );
        return Err(wrong(&args.matrix, message).into());
    }
    let dtype = if args.f64 { Dtype::F8 } else { blocks.dtype() };
    let target = args.output.clone().unwrap_or_else(|| beside(&args.matrix));
    let mut written = Written::new(&target, dtype, blocks.rows(), transform.output())?;
    let mut first = 0;
    while let Some(block) = blocks.next(BLOCK)? {
        if let Some(row) = rows::nonfinite(block.view()).first() {
            let message = format!("row {} holds a NaN or an infinity; drop it", first + *row as u64);
            return Err(wrong(&args.matrix, message).into());
        }
        written.add(&transform.apply(block.view(), first)?)?;
        first += block.nrows() as u64;
    }
    written.commit()
}

fn plugins(settings: &Settings) -> anyhow::Result<PluginSet> {
    let plugins = PluginSet::built_in()?;
    Ok(match settings.worker.plugins()? {
        Some(directory) => PluginDirectory::open(&directory, plugins)?.load().plugins,
        None => plugins,
    })
}

/// `X.npy` becomes `X.applied.npy`.
fn beside(matrix: &Path) -> PathBuf {
    matrix.with_extension("applied.npy")
}

/// A file that cannot be used, and why.
fn wrong(path: &Path, why: impl Display) -> Failure {
    Failure::Input(format!("{}: {why}", path.display()))
}
