//! The average cosine within clusters once their means are gone.

use isoscope_plugin_sdk::prelude::*;

/// Sums of the unit vectors of the rows minus the means of their clusters.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct UnitSums {
    d: usize,
    /// d numbers for each cluster.
    sums: Vec<f64>,
    /// Rows of each cluster that differ from its mean.
    counts: Vec<u64>,
}

impl UnitSums {
    pub(crate) fn new(k: usize, d: usize) -> Self {
        Self { d, sums: vec![0.0; k * d], counts: vec![0; k] }
    }

    /// Adds a row minus the mean of its cluster. A row that equals the mean has no direction.
    pub(crate) fn add(&mut self, label: usize, residual: ArrayView1<'_, f64>, norm: f64) {
        if norm > 0.0 {
            let sums = &mut self.sums[label * self.d..(label + 1) * self.d];
            sums.iter_mut().zip(residual).for_each(|(sum, x)| *sum += x / norm);
            self.counts[label] += 1;
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.sums.iter_mut().zip(&other.sums).for_each(|(mine, more)| *mine += more);
        self.counts.iter_mut().zip(&other.counts).for_each(|(mine, more)| *mine += more);
    }

    /// Averages the cosine over all pairs of rows of a cluster, then over the clusters with two or more directions.
    ///
    /// # Errors
    /// Says why there is no such number.
    pub(crate) fn average_cosine(&self) -> Result<f64, String> {
        let (mut sum, mut clusters) = (0.0, 0_u64);
        for (unit, &count) in self.sums.chunks(self.d.max(1)).zip(&self.counts).filter(|(_, n)| **n > 1) {
            let (m, square) = (count as f64, unit.iter().map(|s| s * s).sum::<f64>());
            sum += ((square - m) / (m * (m - 1.0))).clamp(-1.0, 1.0);
            clusters += 1;
        }
        if clusters == 0 {
            return Err("no cluster has two rows that differ from its mean".to_owned());
        }
        Ok(sum / clusters as f64)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn pairs_are_averaged_within_clusters_first() {
        let mut sums = UnitSums::new(3, 2);
        for (label, row) in
            [(0, [2.0, 0.0]), (0, [0.0, 3.0]), (1, [1.0, 1.0]), (1, [2.0, 2.0]), (2, [1.0, 0.0])]
        {
            let row = ArrayView1::from(&row[..]);
            sums.add(label, row, row.iter().map(|x| x * x).sum::<f64>().sqrt());
        }
        sums.add(2, ArrayView1::from(&[0.0, 0.0][..]), 0.0);
        assert!((sums.average_cosine().unwrap() - 0.5).abs() < 1e-15);
        assert!(UnitSums::new(2, 2).average_cosine().unwrap_err().contains("no cluster"));
    }
}
