//! The clusters that k-means found.

use isoscope_plugin_sdk::prelude::*;

use crate::nearest::Nearest;

/// Clusters of one run: where their borders lie, and the means of the rows inside.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Clusters {
    pub(crate) k: usize,
    pub(crate) n: u64,
    /// Mean of all rows.
    pub(crate) centre: Vec<f64>,
    /// Centroids of the last assignment, one after the other.
    pub(crate) centroids: Vec<f64>,
    /// Means of the rows so assigned; the centroids themselves once Lloyd's iterations have converged.
    pub(crate) means: Vec<f64>,
    pub(crate) sizes: Vec<u64>,
    pub(crate) iterations: u64,
    pub(crate) reseeded: u64,
    pub(crate) converged: bool,
}

impl Clusters {
    /// Number of clusters.
    #[must_use]
    pub fn k(&self) -> usize {
        self.k
    }

    /// Number of dimensions, d.
    #[must_use]
    pub fn cols(&self) -> usize {
        self.centre.len()
    }

    /// Number of rows in all.
    #[must_use]
    pub fn n(&self) -> u64 {
        self.n
    }

    /// Rows in each cluster.
    #[must_use]
    pub fn sizes(&self) -> &[u64] {
        &self.sizes
    }

    /// Mean of the rows of a cluster, d numbers; empty when there is no such cluster.
    #[must_use]
    pub fn mean(&self, cluster: usize) -> &[f64] {
        let d = self.cols();
        self.means.get(cluster * d..(cluster + 1) * d).unwrap_or_default()
    }

    /// Prepares the search for the cluster of a row.
    ///
    /// # Errors
    /// Refuses clusters whose sizes disagree, as bytes from another op would give.
    pub fn nearest(&self, linalg: Linalg) -> Result<Nearest<'_>> {
        Self::nearest_of(std::slice::from_ref(self), linalg)
    }

    /// Prepares the search in several runs at once; they have the same number of clusters.
    ///
    /// # Errors
    /// As [`Clusters::nearest`]; also when there is no run.
    pub fn nearest_of(runs: &[Self], linalg: Linalg) -> Result<Nearest<'_>> {
        let first = runs.first().ok_or_else(|| Error::invalid("there are no fitted clusters"))?;
        let stacked = runs.iter().flat_map(|run| run.centroids.iter().copied()).collect();
        let centroids = Array2::from_shape_vec((runs.len() * first.k, first.cols()), stacked)
            .map_err(|_| Error::invalid("the fitted centroids do not have the size of their centre"))?;
        if runs.iter().any(|run| run.means.len() != run.k * run.cols()) {
            return Err(Error::invalid("the fitted clusters do not have one mean each"));
        }
        Nearest::new(linalg, &first.centre, centroids, first.k)
    }
}
