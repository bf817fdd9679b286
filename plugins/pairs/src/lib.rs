//! Similarities of pairs of rows: sampled cosines, informativity, uniformity and alignment (family PAIRS).
//!
//! Formulas, conventions and citations are in the README of this crate.
#![forbid(unsafe_code)]

mod alignment;
mod contributing_dims;
mod cosines;
mod deletion;
mod informativity;
mod informativity_l2;
mod row_pairs;
mod sampled_cosine;
mod uniformity;

pub use alignment::{Alignment, AlignmentParams, AlignmentState, PositivePair};
pub use contributing_dims::{ContributingDims, ContributingDimsParams};
pub use informativity::{Informativity, InformativityParams};
pub use informativity_l2::InformativityL2;
pub use sampled_cosine::{SampledCosine, SampledCosineParams};
pub use uniformity::{Uniformity, UniformityParams};

use isoscope_plugin_sdk::prelude::*;

declare_plugin! {
    pub PLUGIN, id: "org.isoscope.pairs",
    ops: [
        SampleOp<SampledCosine>,
        SampleOp<ContributingDims>,
        SampleOp<Informativity>,
        SampleOp<InformativityL2>,
        SampleOp<Uniformity>,
        Alignment,
    ]
}
