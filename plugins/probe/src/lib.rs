//! Probes (family PROBE): models trained on labelled rows of the part `train` and judged on the part `test`.
//!
//! [`Linear`] and [`Control`] train softmax regressions over passes, [`NearestCentroid`], [`Fisher`] and [`Ridge`] need
//! sums alone, [`Mdl`] codes labels online, and [`Structural`] reads dependency trees from distances. Conventions and
//! citations are in the README of this crate.
#![forbid(unsafe_code)]

mod cholesky;
mod classes;
mod control;
mod distance_probe;
mod fisher;
mod hash;
mod labels;
mod linear;
mod local_fit;
mod mdl;
mod nearest_centroid;
mod online_code;
mod report;
mod ridge;
mod scatter;
mod sentences;
mod softmax;
mod spearman;
mod structural;
mod training;
mod tree;

pub use control::{Control, ControlParams};
pub use fisher::{Fisher, FisherParams};
pub use linear::{Linear, LinearParams};
pub use mdl::{Coded, ControlCode, Mdl, MdlControlParams, MdlIds, MdlParams, MdlSettings, TaskCode};
pub use nearest_centroid::{CentroidState, Centroids, NearestCentroid, NearestCentroidParams};
pub use ridge::{Regression, Ridge, RidgeParams, RidgeState};
pub use scatter::{Centre, Scatter, Spread};
pub use structural::{Structural, StructuralParams};
pub use training::{Training, TrainingState};

use isoscope_plugin_sdk::prelude::*;

declare_plugin! {
    pub PLUGIN, id: "org.isoscope.probe",
    ops: [
        Linear,
        Control,
        SampleOp<Mdl<TaskCode>>,
        SampleOp<Mdl<ControlCode>>,
        NearestCentroid,
        Fisher,
        Ridge,
        SampleOp<Structural>,
    ]
}
