//! Extremes and third and fourth central powers of each dimension.

use crate::linalg::mean_row;
use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};

/// Sums over single dimensions. Powers are around the mean of the rows seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shape {
    /// Number of rows.
    pub n: u64,
    /// Mean of each dimension.
    pub mean: Vec<f64>,
    /// Sum of (x − mean)² of each dimension.
    pub square_sum: Vec<f64>,
    /// Sum of (x − mean)³ of each dimension.
    pub cube_sum: Vec<f64>,
    /// Sum of (x − mean)⁴ of each dimension.
    pub fourth_sum: Vec<f64>,
    /// Least value of each dimension.
    pub min: Vec<f64>,
    /// Greatest value of each dimension.
    pub max: Vec<f64>,
}

impl Shape {
    /// Creates the sums of no rows.
    #[must_use]
    pub fn empty(d: usize) -> Self {
        let zeros = vec![0.0; d];
        Self {
            n: 0,
            mean: zeros.clone(),
            square_sum: zeros.clone(),
            cube_sum: zeros.clone(),
            fourth_sum: zeros,
            min: vec![f64::INFINITY; d],
            max: vec![f64::NEG_INFINITY; d],
        }
    }

    /// Adds the rows of an n×d batch.
    pub fn absorb(&mut self, rows: ArrayView2<'_, f64>) {
        let mut batch = Self::empty(rows.ncols());
        batch.n = rows.nrows() as u64;
        batch.mean = mean_row(rows).to_vec();
        for row in rows.rows() {
            for (j, &x) in row.iter().enumerate() {
                let centred = x - batch.mean[j];
                let square = centred * centred;
                batch.square_sum[j] += square;
                batch.cube_sum[j] += square * centred;
                batch.fourth_sum[j] += square * square;
                batch.min[j] = batch.min[j].min(x);
                batch.max[j] = batch.max[j].max(x);
            }
        }
        self.merge(&batch);
    }

    /// Adds the rows that `other` has seen (Pébay 2008, equations 1.5 and 1.6 and their pairwise forms).
    pub fn merge(&mut self, other: &Self) {
        if other.n == 0 {
            return;
        }
        let (n1, n2) = (self.n as f64, other.n as f64);
        let n = n1 + n2;
        for j in 0..self.mean.len() {
            let delta = other.mean[j] - self.mean[j];
            let step = delta / n;
            let (m2, m2o) = (self.square_sum[j], other.square_sum[j]);
            let (m3, m3o) = (self.cube_sum[j], other.cube_sum[j]);
            self.fourth_sum[j] += other.fourth_sum[j]
                + delta * step.powi(3) * n1 * n2 * (n1 * n1 - n1 * n2 + n2 * n2)
                + 6.0 * step.powi(2) * (n1 * n1 * m2o + n2 * n2 * m2)
                + 4.0 * step * (n1 * m3o - n2 * m3);
            self.cube_sum[j] +=
                m3o + delta * step.powi(2) * n1 * n2 * (n1 - n2) + 3.0 * step * (n1 * m2o - n2 * m2);
            self.square_sum[j] += m2o + delta * step * n1 * n2;
            self.mean[j] += step * n2;
            self.min[j] = self.min[j].min(other.min[j]);
            self.max[j] = self.max[j].max(other.max[j]);
        }
        self.n += other.n;
    }
}
