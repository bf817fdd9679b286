//! The C functions of an op, made of its [`Op`](crate::Op): the only place where raw pointers of the host are read.
//!
//! Every function that runs the author's code catches its panics, answers `ISO_PANIC` with the message, and poisons the
//! handle, so that half-changed state is never used again.

mod batch;
#[cfg(test)]
mod batch_tests;
mod codec;
mod guard;
mod handle;
mod moments;
mod op_calls;
mod out;
mod run_calls;
mod table;

pub use table::{plugin_table, vtable, with_manifest};
