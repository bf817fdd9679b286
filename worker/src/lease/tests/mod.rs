//! A worker against a made-up coordinator, on a clock that only the tests move.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod answers;
mod drains;
mod fake;
mod sessions;
mod uploads;

pub(crate) use fake::compile_plugin;
