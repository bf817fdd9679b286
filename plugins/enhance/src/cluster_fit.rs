//! What the enhancements by cluster share: parameters of k-means, and what there is to say when it fails.

use isoscope_cluster::{Kmeans, Settings};
use isoscope_plugin_sdk::prelude::*;

params! {
    /// Parameters of the clusters.
    pub struct ClusterParams {
        /// Number of clusters. The published values are 27 for BERT and RoBERTa and 10 for GPT-2.
        clusters: u64 = 27, aliases ["k"];
        /// Where k-means starts: "kmeans++" or "first_rows"; see cluster.kmeans.
        init: String = "kmeans++";
        /// Most iterations over all rows.
        iterations: u64 = 100, aliases ["max_iterations"];
    }
}

/// Makes the fit of one run to a fixed point.
///
/// # Errors
/// [`Error::Invalid`] for parameters that make no sense.
pub(crate) fn fit_of(
    clusters: u64,
    init: &str,
    iterations: u64,
    input: &Input,
    linalg: Linalg,
) -> Result<Kmeans> {
    let settings = Settings { clusters, init: init.to_owned(), runs: 1, iterations, tolerance: 0.0 };
    Kmeans::new(&settings, input, linalg)
}

/// The rows admit no fit.
pub(crate) fn undefined(reason: &str) -> Error {
    Error::failed(reason)
}

/// Rows came before the fit was done.
pub(crate) fn not_fitted() -> Error {
    Error::invalid("the clusters are not fitted yet")
}
