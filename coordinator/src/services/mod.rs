//! The gRPC services, thin over the engine.

mod access;
mod convert;
mod fleet;
mod job;
mod limits;
mod result;
mod worker;

pub(crate) use access::Access;
pub(crate) use fleet::Fleet;
pub(crate) use job::Jobs;
pub(crate) use limits::name_the_limit;
pub(crate) use result::ResultFiles;
pub(crate) use worker::Workers;
