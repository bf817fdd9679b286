//! The worker: leases tasks from a coordinator, runs encoders and ops over shards, and hands back states.
//!
//! Inside a task data flows one way: [`dataset`] → [`source`] (tokenizer, encoder, row cache) → [`rows`] → [`stage`] (spaces,
//! moments, ops) → blobs. One task runs on one thread; a worker runs as many tasks at once as it has slots, so nothing below
//! this crate starts threads of its own.
#![forbid(unsafe_code)]

pub mod blobs;
pub mod dataset;
pub mod encode;
pub mod error;
pub mod fetched;
pub mod finish;
pub mod groups;
pub mod lease;
pub mod merge;
pub mod model_source;
pub mod models;
pub mod offer;
pub mod pass;
pub mod plugin_directory;
pub mod plugins;
pub mod rows;
pub mod sample;
pub mod source;
pub mod stage;
pub mod survey;
pub mod tasks;
pub mod transform;

pub use error::WorkerError;
pub use isoscope_encoders::{ComputeDevice, DeviceName};
pub use isoscope_plugin_host::{keep_freed_memory, openblas_in_use, scan, use_one_blas_thread};
pub use lease::{Stop, Worker, WorkerConfig, numerics_class};
pub use plugin_directory::PluginDirectory;
pub use plugins::PluginSet;
