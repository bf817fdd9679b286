//! Cosines of corresponding rows.

use isoscope_plugin_sdk::prelude::*;

use crate::value::{Value, undefined};

/// Sum of the cosines of row i of A with row i of B.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CosineSum {
    sum: f64,
    /// Rows behind the sum.
    rows: u64,
    /// Rows left out because one of the two is zero.
    dropped: u64,
}

impl CosineSum {
    /// Adds the cosines of rows of equal width, n×d; `lengths_of` gives the norms of the second rows, when
    /// `b` was mapped in a way that shortens them.
    pub(crate) fn absorb(
        &mut self,
        a: ArrayView2<'_, f64>,
        b: ArrayView2<'_, f64>,
        lengths_of: ArrayView2<'_, f64>,
    ) {
        let norm = |row: ArrayView1<'_, f64>| row.iter().map(|v| v * v).sum::<f64>().sqrt();
        for ((a, b), length) in a.rows().into_iter().zip(b.rows()).zip(lengths_of.rows()) {
            let norms = norm(a) * norm(length);
            if !norms.is_finite() {
                self.sum = f64::NAN;
                self.rows += 1;
            } else if norms > 0.0 {
                let product: f64 = a.iter().zip(b).map(|(a, b)| a * b).sum();
                self.sum += (product / norms).clamp(-1.0, 1.0);
                self.rows += 1;
            } else {
                self.dropped += 1;
            }
        }
    }

    /// Adds the cosines of other rows.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.sum += other.sum;
        self.rows += other.rows;
        self.dropped += other.dropped;
    }

    /// Returns the mean cosine.
    pub(crate) fn mean(&self) -> Value {
        if self.rows == 0 {
            return undefined("no row is non-zero in both clouds");
        }
        if !self.sum.is_finite() {
            return undefined("a row is not finite, or too large");
        }
        Ok(self.sum / self.rows as f64)
    }

    /// Returns the number of rows that were left out.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }
}
