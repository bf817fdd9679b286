//! The wire of isoscope: generated messages and services, and the only conversions between them and the domain.
//!
//! [`v1`] is generated from `isoscope/v1/*.proto`. [`convert`] maps messages to the types of `isoscope-core` and back;
//! [`errors`] makes and reads statuses with details; [`link`] is the way to a coordinator; [`time`] maps durations and instants. No other crate needs to name prost.
#![forbid(unsafe_code)]

pub mod convert;
pub mod errors;
pub mod link;
pub mod time;

pub use prost_types;

/// Version of the worker protocol that this build speaks; a coordinator refuses any other.
pub const PROTOCOL_VERSION: u32 = 2;

/// Most bytes of a blob in one upload message.
pub const UPLOAD_CHUNK: usize = 1024 * 1024;

/// Messages and services of package `isoscope.v1`.
#[allow(missing_docs, unused_qualifications, unreachable_pub, clippy::all, clippy::pedantic)]
pub mod v1 {
    tonic::include_proto!("isoscope.v1");

    /// Encoded descriptors of all files, for server reflection.
    pub const FILE_DESCRIPTOR_SET: &[u8] = tonic::include_file_descriptor_set!("isoscope_descriptor");
}
