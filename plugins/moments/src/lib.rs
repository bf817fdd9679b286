//! Means, norms, spreads and outlier dimensions of a cloud of rows (family MOMENTS).
//!
//! Every op is a function of the moments that the host folds once for all ops. Formulas, conventions and citations are in
//! the README of this crate.
#![forbid(unsafe_code)]

mod correlation;
mod dim_std;
mod kurtosis;
mod mean;
mod norm;
mod outlier_dims;
mod scatter;
mod undefined;

pub use correlation::MeanAbsCorrelation;
pub use dim_std::{ConstDims, DimStd};
pub use kurtosis::MeanExcessKurtosis;
pub use mean::{Mean, MeanToRms, MeanVectorNorm};
pub use norm::Norm;
pub use outlier_dims::{OutlierDims3Sigma, OutlierDimsVar5x};
pub use scatter::{ScatterFro, ScatterTrace};

use isoscope_plugin_sdk::prelude::*;

declare_plugin! {
    pub PLUGIN, id: "org.isoscope.moments",
    ops: [
        MomentOp<Mean>,
        MomentOp<MeanVectorNorm>,
        MomentOp<MeanToRms>,
        MomentOp<Norm>,
        MomentOp<DimStd>,
        MomentOp<ConstDims>,
        MomentOp<MeanAbsCorrelation>,
        MomentOp<OutlierDims3Sigma>,
        MomentOp<OutlierDimsVar5x>,
        MomentOp<MeanExcessKurtosis>,
        MomentOp<ScatterFro>,
        MomentOp<ScatterTrace>,
    ]
}
