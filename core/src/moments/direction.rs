//! Norms and unit vectors of a cloud.

use super::lanes::{LANES, columns};
use multiversion::multiversion;
use ndarray::{Array1, ArrayView2};
use serde::{Deserialize, Serialize};

/// Sums over the directions and lengths of rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Direction {
    /// Number of rows, zero ones included.
    pub n: u64,
    /// Rows of zero length; they have no direction and enter no cosine.
    pub zero_rows: u64,
    /// Sum of x/‖x‖, d.
    pub unit_sum: Vec<f64>,
    /// Sum of the squared components of x/‖x‖, d.
    pub unit_square_sum: Vec<f64>,
    /// Mean of ‖x‖ over all rows.
    pub norm_mean: f64,
    /// Sum of (‖x‖ − mean)² over all rows.
    pub norm_scatter: f64,
    /// Least ‖x‖; infinite for no rows.
    pub norm_min: f64,
    /// Greatest ‖x‖; negative infinity for no rows.
    pub norm_max: f64,
}

impl Direction {
    /// Creates the sums of no rows.
    #[must_use]
    pub fn empty(d: usize) -> Self {
        Self {
            n: 0,
            zero_rows: 0,
            unit_sum: vec![0.0; d],
            unit_square_sum: vec![0.0; d],
            norm_mean: 0.0,
            norm_scatter: 0.0,
            norm_min: f64::INFINITY,
            norm_max: f64::NEG_INFINITY,
        }
    }

    /// Adds the rows of an n×d batch.
    pub fn absorb(&mut self, rows: ArrayView2<'_, f64>) {
        let norms: Array1<f64> = rows.rows().into_iter().map(|row| row.dot(&row).sqrt()).collect();
        for &norm in &norms {
            self.norm_min = self.norm_min.min(norm);
            self.norm_max = self.norm_max.max(norm);
            self.zero_rows += u64::from(norm <= 0.0);
        }
        // A zero row has no direction: over an infinite length it adds nothing.
        let lengths: Vec<f64> =
            norms.iter().map(|&norm| if norm > 0.0 { norm } else { f64::INFINITY }).collect();
        let contiguous = rows.as_standard_layout();
        if let Some(rows) = contiguous.as_slice() {
            add_units(rows, &lengths, &mut self.unit_sum, &mut self.unit_square_sum);
        }
        let mean = norms.sum() / norms.len() as f64;
        let scatter = norms.iter().map(|norm| (norm - mean).powi(2)).sum();
        self.merge_norms(norms.len() as u64, mean, scatter);
    }

    /// Adds the rows that `other` has seen.
    pub fn merge(&mut self, other: &Self) {
        if other.n == 0 {
            return;
        }
        for (own, theirs) in self.unit_sum.iter_mut().zip(&other.unit_sum) {
            *own += theirs;
        }
        for (own, theirs) in self.unit_square_sum.iter_mut().zip(&other.unit_square_sum) {
            *own += theirs;
        }
        self.zero_rows += other.zero_rows;
        self.norm_min = self.norm_min.min(other.norm_min);
        self.norm_max = self.norm_max.max(other.norm_max);
        self.merge_norms(other.n, other.norm_mean, other.norm_scatter);
    }

    fn merge_norms(&mut self, n: u64, mean: f64, scatter: f64) {
        let total = (self.n + n) as f64;
        let delta = mean - self.norm_mean;
        self.norm_scatter += scatter + delta * delta * (self.n as f64 * (n as f64 / total));
        self.norm_mean += delta * (n as f64 / total);
        self.n += n;
    }
}

/// Adds the unit vectors of row-major rows, and their squared components, to sums of width d. Columns are taken a few at a time, so that
/// their sums stay in registers; each sum is taken in the order of the rows, whatever the vector width.
#[multiversion(targets("x86_64+avx512f+avx512bw+avx512dq+avx512vl", "x86_64+avx2"))]
fn add_units(rows: &[f64], lengths: &[f64], sum: &mut [f64], square_sum: &mut [f64]) {
    let d = sum.len();
    for from in (0..d).step_by(LANES) {
        let lanes = LANES.min(d - from);
        let (mut sums, mut squares) = (columns(sum, from), columns(square_sum, from));
        for (row, length) in rows.chunks_exact(d).zip(lengths) {
            let x = columns(row, from);
            for j in 0..LANES {
                let unit = x[j] / length;
                sums[j] += unit;
                squares[j] += unit * unit;
            }
        }
        sum[from..from + lanes].copy_from_slice(&sums[..lanes]);
        square_sum[from..from + lanes].copy_from_slice(&squares[..lanes]);
    }
}
