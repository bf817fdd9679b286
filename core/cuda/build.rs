//! Compiles the kernels to PTX, which the driver turns into machine code for the GPU at hand.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

/// The oldest GPUs with tensor cores for both half formats; newer ones take the same PTX.
const ARCHITECTURE: &str = "compute_80";

const KERNELS: [&str; 8] =
    ["attention", "disentangled", "elementwise", "embedding", "moments", "norm", "rotary", "unfold"];

fn main() -> ExitCode {
    println!("cargo::rerun-if-changed=kernels");
    println!("cargo::rerun-if-env-changed=CUDA_HOME");
    if std::env::var_os("CARGO_FEATURE_CUDA").is_none() {
        return ExitCode::SUCCESS;
    }
    let Some(out) = std::env::var_os("OUT_DIR").map(PathBuf::from) else {
        eprintln!("cargo did not say where to build (OUT_DIR)");
        return ExitCode::FAILURE;
    };
    let nvcc = std::env::var_os("CUDA_HOME")
        .map_or_else(|| PathBuf::from("nvcc"), |home| Path::new(&home).join("bin/nvcc"));
    for kernel in KERNELS {
        let source = format!("kernels/{kernel}.cu");
        let mut command = Command::new(&nvcc);
        command.args(["-ptx", "-O3", "-std=c++17", "-arch", ARCHITECTURE, &source, "-o"]);
        command.arg(out.join(format!("{kernel}.ptx")));
        match command.status() {
            Ok(status) if status.success() => {}
            Ok(status) => {
                eprintln!("{} could not compile {source}: {status}", nvcc.display());
                return ExitCode::FAILURE;
            }
            Err(error) => {
                eprintln!(
                    "{} cannot be run ({error}); the feature `cuda` needs the CUDA toolkit, see docs/gpu.md",
                    nvcc.display()
                );
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}
