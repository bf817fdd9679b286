//! Enhancements of a space (family ENHANCE): maps that are fitted on the moments, or on nothing, and applied row by row.
//!
//! All but [`L2Normalize`] and [`RankTransform`] are affine, so the host maps the moments of a space in closed form and
//! reads no row again for them. Formulas, conventions and citations are in the README of this crate.
#![forbid(unsafe_code)]

mod abtt;
mod affine;
mod drop_dims;
mod per_row;
mod principal;
mod standardize;
mod whitening;
mod zero_mean;

pub use abtt::{Abtt, AbttLiteral, AbttModel, AbttParams};
pub use affine::CentredLinear;
pub use drop_dims::{DropDims, DropDimsModel, DropDimsParams};
pub use per_row::{L2Normalize, RankTransform};
pub use standardize::{Standardize, StandardizeModel};
pub use whitening::{Whitening, WhiteningParams, Zca};
pub use zero_mean::{MeanModel, ZeroMean};

use isoscope_plugin_sdk::prelude::*;

declare_plugin! {
    pub PLUGIN, id: "org.isoscope.enhance",
    ops: [
        EnhanceOp<ZeroMean>,
        EnhanceOp<Standardize>,
        EnhanceOp<Abtt>,
        EnhanceOp<AbttLiteral>,
        EnhanceOp<Whitening>,
        EnhanceOp<Zca>,
        EnhanceOp<DropDims>,
        EnhanceOp<L2Normalize>,
        EnhanceOp<RankTransform>,
    ]
}
