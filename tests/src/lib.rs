//! What the end-to-end tests share: a store in memory, a scheduler of a few lines, plugin files built from the tree, and the
//! golden values.
#![forbid(unsafe_code)]
#![allow(clippy::expect_used, clippy::missing_panics_doc)] // only tests call this, and a failure is theirs to report

pub mod dylibs;
pub mod golden;
pub mod jobs;
pub mod ops;
pub mod vectors;
