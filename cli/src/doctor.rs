//! `isoscope doctor`.

use crate::failure::Failure;
use crate::settings::Settings;
use isoscope_core::linalg::eigh;
use isoscope_worker::PluginSet;
use ndarray::array;
use std::io::Write as _;

/// Checks what a study needs of this machine, a line a check.
pub(crate) fn run(settings: &Settings) -> anyhow::Result<()> {
    let checks = [
        ("linear algebra", linear_algebra()),
        ("matrix products", Ok(one_blas_thread())),
        ("plugins", plugins()),
        ("state directory", state_directory(settings)),
        ("slots", Ok(format!("{} tasks at once", settings.worker.resolved_slots()))),
    ];
    let mut out = std::io::stdout().lock();
    writeln!(out, "isoscope {}", env!("CARGO_PKG_VERSION"))?;
    for (name, outcome) in &checks {
        match outcome {
            Ok(detail) => writeln!(out, "  ok    {name}: {detail}")?,
            Err(reason) => writeln!(out, "  FAIL  {name}: {reason}")?,
        }
    }
    let failed = checks.iter().filter(|(_, outcome)| outcome.is_err()).count();
    if failed > 0 {
        Err(Failure::Job(format!("{failed} checks of this machine failed")).into())
    } else {
        Ok(())
    }
}

/// A matrix whose eigenvalues are known: 3 and 1.
fn linear_algebra() -> Result<String, String> {
    let eigen = eigh(array![[2.0, 1.0], [1.0, 2.0]].view()).map_err(|e| e.to_string())?;
    let exact = (eigen.values[0] - 3.0).abs() < 1e-12 && (eigen.values[1] - 1.0).abs() < 1e-12;
    if exact {
        Ok("LAPACK answers rightly".to_owned())
    } else {
        Err(format!("LAPACK found {}", eigen.values))
    }
}

fn one_blas_thread() -> String {
    match isoscope_worker::openblas_in_use() {
        Some(blas) if isoscope_worker::use_one_blas_thread() => format!("{blas}; one thread a task"),
        _ => "a BLAS that is not OpenBLAS; set its own thread variable to 1, as tasks already use every core"
            .to_owned(),
    }
}

fn plugins() -> Result<String, String> {
    let facts = PluginSet::built_in().map_err(|e| e.to_string())?.facts();
    let ops: usize = facts.iter().map(|plugin| plugin.manifest.ops.len()).sum();
    Ok(format!("{} built in, {ops} ops", facts.len()))
}

fn state_directory(settings: &Settings) -> Result<String, String> {
    let directory = settings.worker.resolved_state_directory();
    let usable = std::fs::create_dir_all(&directory).and_then(|()| tempfile::tempfile_in(&directory));
    usable.map(|_| directory.display().to_string()).map_err(|e| format!("{}: {e}", directory.display()))
}
