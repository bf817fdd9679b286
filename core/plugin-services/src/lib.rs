//! What a host lends to plugins, made of the core: moments with their eigen-decompositions, and linear algebra.
//!
//! The worker and the laws of `plugin check` lend the same, so that a plugin that keeps the laws meets nothing new on a worker.
#![forbid(unsafe_code)]

mod eigen;
mod linear_algebra;
mod moments;
mod near;

pub use eigen::eigh;
pub use linear_algebra::{decompose, multiply};
pub use moments::LentMoments;
pub use near::NearMoments;
