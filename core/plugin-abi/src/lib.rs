//! The plugin ABI of isoscope, major version 1: the Rust mirror of `include/isoscope.h`.
//!
//! The header is normative and documents the five rules that hold everywhere (ownership, unwinding, growth, threads,
//! layout). A test compares every size, offset and constant of this crate with it. Names are the header's names, so
//! that the two can be read side by side. Every function pointer is an [`Option`], so that a zeroed table is valid and
//! an absent function is `None`.
//!
//! Authors of plugins use `isoscope-plugin-sdk`; only the SDK and the host touch these types.

// The names are those of the C header.
#![allow(non_camel_case_types)]

mod data;
mod host;
mod moments;
mod op;
mod plugin;
mod results;

pub use data::*;
pub use host::*;
pub use moments::*;
pub use op::*;
pub use plugin::*;
pub use results::*;

/// Major version of the ABI; it is part of the entry symbol's name.
pub const ISO_ABI_MAJOR: u16 = 1;
/// Minor version of the ABI: fields that were appended since the major version began.
pub const ISO_ABI_MINOR: u16 = 0;
