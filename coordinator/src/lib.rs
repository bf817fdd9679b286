//! The coordinator: schedules jobs, keeps the truth, and writes results. It never loads a model or a plugin.
//!
//! [`scheduler`] decides without I/O what comes next; [`store`] keeps jobs, tasks and leases in SQLite; [`blobs`] keeps bytes by
//! content; the services speak gRPC; [`assemble`] joins reports to measurements, which [`results`] writes.
#![forbid(unsafe_code)]

pub mod assemble;
pub mod blobs;
mod engine;
pub mod results;
pub mod scheduler;
mod server;
mod services;
pub mod store;
mod uploads;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod service_tests;

pub use engine::EngineError;
pub use server::{Coordinator, CoordinatorConfig, CoordinatorError};
