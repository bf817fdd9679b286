//! The gRPC services, thin over the engine.

mod convert;
mod job;
mod result;
mod worker;

pub(crate) use job::Jobs;
pub(crate) use result::ResultFiles;
pub(crate) use worker::Workers;
