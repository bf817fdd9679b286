//! The kernels that encoders run on an NVIDIA GPU: CUDA C++ in `kernels/`, and safe functions over candle's storage here.
//!
//! Rows are packed as on the CPU, without padding. Hidden states are stored in f32, f16 or bf16; products of f32 are f32 (never
//! TF32), those of the half formats sum in f32, and so do norms and softmax; moments sum in f64. Every function launches on the
//! one stream of its device and returns before the device is done.
//!
//! Without the feature `cuda` only the types of the sums are left, and nothing of CUDA is needed to build it.

#[cfg(feature = "cuda")]
mod attention;
#[cfg(feature = "cuda")]
mod device;
#[cfg(feature = "cuda")]
mod disentangled;
#[cfg(feature = "cuda")]
mod elementwise;
#[cfg(feature = "cuda")]
mod embedding;
#[cfg(feature = "cuda")]
mod format;
#[cfg(feature = "cuda")]
mod launch;
#[cfg(feature = "cuda")]
mod linear;
#[cfg(feature = "cuda")]
mod moments;
#[cfg(feature = "cuda")]
mod norm;
#[cfg(feature = "cuda")]
mod rotary;
mod sums;
#[cfg(feature = "cuda")]
mod tiles;
#[cfg(feature = "cuda")]
mod unfold;

#[cfg(feature = "cuda")]
pub use attention::{AttentionForm, attention};
#[cfg(feature = "cuda")]
pub use device::{compute_capability, is_out_of_memory, memory_bytes, open};
#[cfg(feature = "cuda")]
pub use disentangled::{DisentangledForm, disentangled_attention};
#[cfg(feature = "cuda")]
pub use elementwise::{Activation, activate, add, gate};
#[cfg(feature = "cuda")]
pub use embedding::{Lookup, embed};
#[cfg(feature = "cuda")]
pub use linear::linear;
#[cfg(feature = "cuda")]
pub use moments::DeviceMoments;
#[cfg(feature = "cuda")]
pub use norm::{NormForm, norm};
#[cfg(feature = "cuda")]
pub use rotary::rotate;
pub use sums::{DirectionSums, FoldedSums, SecondSums};
#[cfg(feature = "cuda")]
pub use unfold::unfold;
