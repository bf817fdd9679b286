//! Declared invariances, merging, and degenerate clouds.

#[path = "../../../tests/golden/properties.rs"]
mod properties;

use isoscope_cluster::ClusterKmeans;

metric_properties! { kmeans: ClusterKmeans }
