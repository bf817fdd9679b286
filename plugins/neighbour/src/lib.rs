//! Intrinsic dimension and hubness from nearest neighbours (op `neigh.dimension`).
//!
//! The neighbours are exact and found once; every estimate is a function of the lists. Formulas, conventions and citations
//! are in the README of this crate.
#![forbid(unsafe_code)]

mod candidates;
mod cloud;
mod correlation_integral;
mod dimension;
mod estimate;
mod hubness;
mod local_dimension;
mod maximum_likelihood;
mod method_of_moments;
mod nearest;
mod two_nn;

pub use dimension::{Dimension, DimensionParams};
pub use estimate::Estimate;
pub use hubness::hubness_skew;
pub use local_dimension::lid_mean;
pub use maximum_likelihood::{mle_harmonic, mle_mean};
pub use method_of_moments::method_of_moments;
pub use nearest::Neighbours;
pub use two_nn::{two_nn, two_nn_mle};

use isoscope_plugin_sdk::prelude::*;

declare_plugin! { pub PLUGIN, id: "org.isoscope.neighbour", ops: [SampleOp<Dimension>] }
