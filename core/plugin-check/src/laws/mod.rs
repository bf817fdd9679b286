//! The laws, by what they look at.

pub(crate) mod degenerate;
pub(crate) mod enhancement;
pub(crate) mod file;
pub(crate) mod invariance;
pub(crate) mod life;
pub(crate) mod merging;
pub(crate) mod reading;
