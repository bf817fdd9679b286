//! placeholder
pub mod results;
