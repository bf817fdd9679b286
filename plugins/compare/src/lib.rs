//! Comparison of two representations of the same rows (family COMPARE).
//!
//! View 0 is A (n×d₁), view 1 is B (n×d₂); row i of both belongs to the same token or sentence. [`Cross`]
//! gets most measures of one pass from the joint second moments, [`Aligned`] adds a pass under the best
//! rotation, and [`Neighbours`], [`Rsa`] and [`Kernels`] look at all pairs of a sample. Formulas, conventions
//! and citations are in the README of this crate.
#![forbid(unsafe_code)]

mod aligned;
mod cca;
mod cka;
mod cosines;
mod cross;
mod cross_moments;
mod drift;
mod frechet;
mod joint;
mod kernels;
mod neighbours;
mod pair_distances;
mod principal_axes;
mod procrustes;
mod rank_correlation;
mod rows;
mod rsa;
mod svd;
mod top_k;
mod value;

pub use aligned::{Aligned, AlignedState, Alignment};
pub use cosines::CosineSum;
pub use cross::{Cross, CrossParams, CrossState};
pub use cross_moments::CrossMoments;
pub use joint::Joint;
pub use kernels::{Kernels, KernelsParams};
pub use neighbours::{Neighbours, NeighboursParams};
pub use rsa::{Rsa, RsaParams};

use isoscope_plugin_sdk::prelude::*;

declare_plugin! {
    pub PLUGIN, id: "org.isoscope.compare",
    ops: [Cross, Aligned, SampleOp<Neighbours>, SampleOp<Rsa>, SampleOp<Kernels>]
}
