//! The heavy steps of a forward pass, each one candle operation with a hand-written CPU side.
//!
//! Every kernel runs on the calling thread alone: a worker runs one shard per core, so threads inside a kernel would only
//! compete with it. candle's own products and sums of tensors start thread pools, so the forward pass uses none of them.
//! Products are those of `isoscope-tiles`, but for those of disentangled attention, which go through BLAS. The element-wise loops are plain Rust
//! compiled once per instruction set; they contain no fused multiply-add and sum in a fixed number of lanes, so they give the same
//! bits on each (BLAS promises no such thing).

mod attention;
mod disentangled;
mod elementary;
mod embedding;
mod gated;
mod gelu;
mod layer_norm;
mod linear;
mod packed;
mod product;
mod relative_scores;
mod residual;
mod rms_norm;
mod rotary;
mod storage;
mod unfold;

pub(crate) use attention::{Attention, Sequences, self_attention};
pub(crate) use disentangled::{Disentangled, disentangled_attention};
pub(crate) use embedding::{Lookup, embed};
pub(crate) use gated::activate_gated;
pub(crate) use gelu::Activation;
pub(crate) use layer_norm::{NormWeights, layer_norm, residual_layer_norm};
pub(crate) use linear::{DenseTensors, LinearWeights, linear, linear_activated};
pub(crate) use residual::residual_add;
pub(crate) use rms_norm::{RmsNormWeights, rms_norm};
pub(crate) use rotary::{Rotary, rotate};
pub(crate) use unfold::unfold;
