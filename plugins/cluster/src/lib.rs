//! Clusters of a space (family CLUSTER): k-means over passes, indices of the clusters, and isotropy inside them.
//!
//! [`ClusterKmeans`] is the op. [`Kmeans`] is the fit alone, for ops of other crates that need clusters: they carry its
//! [`FitModel`] and [`FitState`] inside their own and take [`Clusters`] at the end. Conventions and citations are in the
//! README of this crate.
#![forbid(unsafe_code)]

mod adjusted;
mod bottom_rows;
mod clusters;
mod distance;
mod exact_sum;
mod farthest;
mod fit;
mod indices;
mod kmeans;
mod lloyd;
mod local;
mod nearest;
mod random;
mod report;
mod silhouette;
mod start;
mod within;

pub use bottom_rows::sliceable;
pub use clusters::Clusters;
pub use fit::{FitModel, FitState, Fitted, Kmeans, Settings};
pub use kmeans::{ClusterKmeans, KmeansModel, KmeansParams, KmeansState, SilhouetteRows};
pub use lloyd::{Lloyd, RunState};
pub use nearest::Nearest;
pub use start::StartState;

use isoscope_plugin_sdk::prelude::*;

declare_plugin! { pub PLUGIN, id: "org.isoscope.cluster", ops: [ClusterKmeans] }
