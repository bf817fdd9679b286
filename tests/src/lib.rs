//! What the end-to-end tests share: a store in memory, a scheduler of a few lines, plugin files built from the tree, real
//! processes of a fleet, a model hub and a store, and the golden values.
#![forbid(unsafe_code)]
#![allow(clippy::expect_used, clippy::missing_panics_doc)] // only tests call this, and a failure is theirs to report

pub mod bucket;
pub mod dylibs;
pub mod fleet;
pub mod gate;
pub mod golden;
pub mod hub;
pub mod jobs;
pub mod metrics_docs;
pub mod ops;
pub mod process;
pub mod shell;
pub mod study_docs;
pub mod values;
pub mod vectors;
pub mod web;
