//! Writes docs/metrics.md anew.
#![forbid(unsafe_code)]

use isoscope_tests::metrics_docs::{manifests, page, render};

fn main() -> std::io::Result<()> {
    std::fs::write(page(), render(&manifests()))
}
