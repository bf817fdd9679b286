//! Enhancements of a space (family ENHANCE): maps that are fitted on the moments, on the rows, or on nothing, and applied
//! row by row.
//!
//! All but [`L2Normalize`], [`RankTransform`], [`ClusterZeroMean`] and [`ClusterBased`] are affine, so the host maps the
//! moments of a space in closed form and reads no row again for them. Formulas, conventions and citations are in the README of this crate.
#![forbid(unsafe_code)]

mod abtt;
mod affine;
mod cluster_based;
mod cluster_fit;
mod cluster_scatter;
mod cluster_zero_mean;
mod drop_dims;
mod keep_top;
mod per_row;
mod principal;
mod standardize;
mod whitening;
mod zero_mean;

pub use abtt::{Abtt, AbttLiteral, AbttModel, AbttParams};
pub use affine::CentredLinear;
pub use cluster_based::{ClusterBased, ClusterBasedModel, ClusterBasedParams, ClusterBasedState};
pub use cluster_fit::ClusterParams;
pub use cluster_scatter::ClusterScatter;
pub use cluster_zero_mean::{ClusterZeroMean, ClusterZeroMeanModel};
pub use drop_dims::{DropCosineDims, DropDims, DropDimsModel, DropDimsParams};
pub use keep_top::{KeepTop, KeepTopModel, KeepTopParams};
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
        EnhanceOp<KeepTop>,
        EnhanceOp<Whitening>,
        EnhanceOp<Zca>,
        EnhanceOp<DropDims>,
        EnhanceOp<DropCosineDims>,
        EnhanceOp<L2Normalize>,
        EnhanceOp<RankTransform>,
        ClusterZeroMean,
        ClusterBased,
    ]
}
