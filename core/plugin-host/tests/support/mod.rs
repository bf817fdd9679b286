//! What the tests of the host share.

// Every test crate uses a part of it.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use isoscope_plugin_host::{BatchView, Gemm, HostServices, MatrixView, Op, OpInput, Plugin};

/// Compiles the C plugin with some macros set into a shared object.
pub(crate) fn compile(dir: &Path, name: &str, macros: &[&str]) -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let source = here.join("tests/c/mean_value.c");
    compile_source(dir, name, &source, macros)
}

/// Compiles a C file into a shared object.
pub(crate) fn compile_source(dir: &Path, name: &str, source: &Path, macros: &[&str]) -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let out = dir.join(name);
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let done = Command::new(&compiler)
        .args(["-std=c99", "-O1", "-shared", "-fPIC", "-fvisibility=hidden", "-I"])
        .arg(here.join("../plugin-abi/include"))
        .args(macros.iter().map(|name| format!("-D{name}")))
        .arg("-o")
        .arg(&out)
        .arg(source)
        .output()
        .unwrap_or_else(|error| panic!("these tests need a C compiler: cannot run {compiler}: {error}"));
    assert!(done.status.success(), "{compiler} failed: {}", String::from_utf8_lossy(&done.stderr));
    out
}

/// Services of a host that only multiplies.
pub(crate) struct Services;

impl HostServices for Services {
    fn log(&self, _level: i32, _message: &str) {}

    fn should_stop(&self) -> bool {
        false
    }

    fn eigh(&self, _n: usize, _a: &[f64], _values: &mut [f64], _vectors: &mut [f64]) -> bool {
        false
    }

    fn gemm(&self, g: Gemm<'_>) -> bool {
        let at = |transposed: bool, row: usize, col: usize, stride: usize| {
            if transposed { col * stride + row } else { row * stride + col }
        };
        for i in 0..g.m {
            for j in 0..g.n {
                let product = |l| g.a[at(g.trans_a, i, l, g.lda)] * g.b[at(g.trans_b, l, j, g.ldb)];
                g.c[i * g.ldc + j] = g.alpha * (0..g.k).map(product).sum::<f64>();
            }
        }
        true
    }
}

/// Opens an op of one view.
pub(crate) fn open(plugin: &Plugin, op: &str, cols: usize, params: &str) -> Op {
    let input = OpInput { cols: vec![cols], rows: 0, seed: 7 };
    plugin.open(op, Arc::new(Services), &input, params).unwrap()
}

/// Views dense rows as a batch.
pub(crate) fn batch(data: &[f64], cols: usize) -> BatchView<'_> {
    let view = MatrixView { data, rows: data.len() / cols, cols, stride: cols };
    BatchView { views: vec![view], columns: Vec::new(), first_row: 0 }
}
