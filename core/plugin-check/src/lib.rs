//! The laws of a plugin: what a worker takes for granted of a file and of its ops, each as a test that anybody can run.
//!
//! [`laws`] lists them. Those of a file are read from its bytes or from the act of loading it; those of an op drive it over small
//! clouds as a worker does: moments folded by the host, passes over shards, states saved and merged in the tree of the plan,
//! models broadcast, rows mapped. [`Law::judge`] tries one law in this process. A plugin may crash or hang in it, so
//! `isoscope plugin check` tries each in a process of its own, with [`limit_memory`] and a time limit.
//!
//! Values count as equal within 1e-9 of the larger of 1 and their magnitude ([`TOLERANCE`]): the clouds are of order 1, and
//! f64 sums of some dozens of numbers in another order differ by far less. The declared invariances change the rounding of
//! every input and are held to 1e-7 ([`INVARIANCE`]).
#![forbid(unsafe_code)]

mod breach;
mod cloud;
mod cut;
mod drive;
mod law;
mod laws;
mod limit;
mod moments;
mod report;
mod services;

pub use cloud::Cloud;
pub use drive::{MAX_PASSES, MeasureError, Measured, Subject, SubjectError};
pub use isoscope_plugin_host::{OpError, read_manifest};
pub use law::{Law, Outcome, Verdict, law, laws};
pub use limit::limit_memory;
pub use report::{Entry, INVARIANCE, Report, TOLERANCE};
