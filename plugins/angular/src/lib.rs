//! Cosines between rows, and what each dimension adds to them (family ANGULAR).
//!
//! The mean cosine over *all* pairs follows from the sum of the unit vectors, so nothing is sampled. All ops need the
//! moments alone but [`AvgCosineCentered`], which takes one more pass. Formulas, conventions and citations are in the
//! README of this crate.
#![forbid(unsafe_code)]

mod avg_cosine;
mod centered;
mod contribution;
mod resultant;
mod unit_vectors;
mod zero_rows;

pub use avg_cosine::{AvgCosine, AvgCosineN2};
pub use centered::{AvgCosineCentered, Centre, UnitSum};
pub use contribution::{CosContribution, CosContributionTop3, CosContributionTop3Params};
pub use resultant::{Concentricity, MeanResultantLength};
pub use zero_rows::ZeroRows;

use isoscope_plugin_sdk::prelude::*;

declare_plugin! {
    pub PLUGIN, id: "org.isoscope.angular",
    ops: [
        MomentOp<AvgCosine>,
        MomentOp<AvgCosineN2>,
        MomentOp<MeanResultantLength>,
        MomentOp<CosContribution>,
        MomentOp<CosContributionTop3>,
        MomentOp<ZeroRows>,
        MomentOp<Concentricity>,
        AvgCosineCentered,
    ]
}
