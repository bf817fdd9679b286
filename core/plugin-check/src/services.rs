//! The host's services, as a worker lends them.

use isoscope_plugin_host::{Gemm, HostServices};
use isoscope_plugin_services::{decompose, multiply};

/// Linear algebra; what plugins log is dropped.
pub(crate) struct Services;

impl HostServices for Services {
    fn log(&self, _level: i32, _message: &str) {}

    fn should_stop(&self) -> bool {
        false
    }

    fn eigh(&self, n: usize, a: &[f64], values: &mut [f64], vectors: &mut [f64]) -> bool {
        decompose(n, a, values, vectors)
    }

    fn gemm(&self, g: Gemm<'_>) -> bool {
        multiply(g)
    }
}
