//! Indices of a clustering that need the means, the sizes and the distances of the rows from their means.

use isoscope_plugin_sdk::prelude::*;

use crate::{clusters::Clusters, distance::squared_distance, exact_sum::ExactSums};

/// Distances of the rows from the means of their clusters.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Spread {
    /// Sum of the distances in each cluster.
    distances: Vec<f64>,
    /// Sum of the squared distances over all clusters.
    squares: ExactSums,
}

impl Spread {
    pub(crate) fn new(k: usize) -> Self {
        Self { distances: vec![0.0; k], squares: ExactSums::new(1) }
    }

    /// Adds a row at a squared distance from the mean of its cluster.
    pub(crate) fn add(&mut self, label: usize, square: f64) {
        self.distances[label] += square.sqrt();
        self.squares.add(0, &[square]);
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.distances.iter_mut().zip(&other.distances).for_each(|(mine, more)| *mine += more);
        self.squares.merge(&other.squares);
    }

    /// Sum of the squared distances.
    pub(crate) fn inertia(&self) -> f64 {
        self.squares.total(0)
    }

    /// Davies & Bouldin's index: the mean over clusters of the worst `(S_i + S_j) / M_ij`, with the mean distance S of
    /// the rows from their mean, and the distance M of two means.
    ///
    /// # Errors
    /// Says why there is no such number.
    pub(crate) fn davies_bouldin(&self, clusters: &Clusters) -> Result<f64, String> {
        several(clusters)?;
        let k = clusters.k();
        let spread: Vec<f64> =
            self.distances.iter().zip(clusters.sizes()).map(|(sum, size)| sum / *size as f64).collect();
        let mut sum = 0.0;
        for i in 0..k {
            let mut worst = 0.0_f64;
            for j in (0..k).filter(|j| *j != i) {
                let apart = squared_distance(clusters.mean(i), clusters.mean(j)).sqrt();
                if apart <= 0.0 {
                    return Err("two clusters have the same mean".to_owned());
                }
                worst = worst.max((spread[i] + spread[j]) / apart);
            }
            sum += worst;
        }
        Ok(sum / k as f64)
    }

    /// Caliński & Harabasz's index: the scatter of the means over that of the rows around them, each divided by its
    /// degrees of freedom.
    ///
    /// # Errors
    /// Says why there is no such number.
    pub(crate) fn calinski_harabasz(&self, clusters: &Clusters) -> Result<f64, String> {
        several(clusters)?;
        let within = self.inertia();
        if within <= 0.0 {
            return Err("every row equals the mean of its cluster, so the index is unbounded".to_owned());
        }
        let between: f64 = clusters
            .sizes()
            .iter()
            .enumerate()
            .map(|(c, size)| *size as f64 * squared_distance(clusters.mean(c), &clusters.centre))
            .sum();
        let (k, n) = (clusters.k() as f64, clusters.n() as f64);
        Ok(between * (n - k) / (within * (k - 1.0)))
    }
}

/// Refuses a single cluster, and as many clusters as rows.
pub(crate) fn several(clusters: &Clusters) -> Result<(), String> {
    if clusters.k() < 2 {
        return Err("one cluster has nothing to be compared with".to_owned());
    }
    if clusters.n() <= clusters.k() as u64 {
        return Err("there are as many clusters as rows".to_owned());
    }
    Ok(())
}
