//! Domain of isoscope: what a study is, how it becomes a plan, and the numbers that flow through it.
//!
//! This crate is pure. It knows nothing of files, clocks, threads, gRPC, candle or plugins' machine code; whoever calls
//! it hands in the text of a study, the facts that a worker surveyed, and the seed. Data flows one way:
//! [`study`] → [`facts`] → [`plan`] → [`task`] → [`state`] → [`result`].
//!
//! Matrices are row-major and rows are observations everywhere.
#![forbid(unsafe_code)]

pub mod artefact;
pub mod catalogue;
pub mod difference;
pub mod digest;
pub mod facts;
mod holm;
pub mod jackknife;
pub mod linalg;
pub mod moments;
pub mod plan;
pub mod pooling;
pub mod result;
pub mod state;
pub mod study;
pub mod task;
pub mod tree;
pub mod violation;
