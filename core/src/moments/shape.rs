//! Extremes and third and fourth central powers of each dimension.

use super::lanes::{LANES, columns};
use crate::linalg::mean_row;
use multiversion::multiversion;
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
        let d = rows.ncols();
        let mut batch = Self::empty(d);
        batch.n = rows.nrows() as u64;
        batch.mean = mean_row(rows).to_vec();
        let rows = rows.as_standard_layout();
        if let Some(rows) = rows.as_slice() {
            add_powers(rows, d, &mut batch);
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

/// Adds row-major rows of width d to the sums about the mean that `batch` has. Columns are taken a few at a time, so that their sums stay
/// in registers; each sum is taken in the order of the rows, whatever the vector width.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn add_powers(rows: &[f64], d: usize, batch: &mut Shape) {
    for from in (0..d).step_by(LANES) {
        let lanes = LANES.min(d - from);
        let mut mean = [0.0; LANES];
        mean[..lanes].copy_from_slice(&batch.mean[from..from + lanes]);
        let (mut squares, mut cubes, mut fourths) = ([0.0; LANES], [0.0; LANES], [0.0; LANES]);
        let (mut least, mut greatest) = ([f64::INFINITY; LANES], [f64::NEG_INFINITY; LANES]);
        for row in rows.chunks_exact(d) {
            let x = columns(row, from);
            for j in 0..LANES {
                let centred = x[j] - mean[j];
                let square = centred * centred;
                squares[j] += square;
                cubes[j] += square * centred;
                fourths[j] += square * square;
                least[j] = if x[j] < least[j] { x[j] } else { least[j] };
                greatest[j] = if x[j] > greatest[j] { x[j] } else { greatest[j] };
            }
        }
        let range = from..from + lanes;
        batch.square_sum[range.clone()].copy_from_slice(&squares[..lanes]);
        batch.cube_sum[range.clone()].copy_from_slice(&cubes[..lanes]);
        batch.fourth_sum[range.clone()].copy_from_slice(&fourths[..lanes]);
        batch.min[range.clone()].copy_from_slice(&least[..lanes]);
        batch.max[range].copy_from_slice(&greatest[..lanes]);
    }
}
