//! The coordinates in which a probe is trained.

use isoscope_plugin_sdk::prelude::*;

use crate::scatter::{Scatter, picked};

/// What is subtracted from every dimension, and what it is multiplied with.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Space {
    centre: Vec<f64>,
    /// Empty when dimensions keep their scale.
    scale: Vec<f64>,
}

impl Space {
    /// Centres at the mean of the training rows; with `standardize` divides by their standard deviation (ddof 0), and a
    /// constant dimension by 1.
    pub(crate) fn of(moments: &Scatter, standardize: bool) -> Self {
        let n = moments.n().max(1) as f64;
        let scale = |square: f64| if square > 0.0 { (n / square).sqrt() } else { 1.0 };
        let scale = if standardize { moments.squares().mapv(scale).to_vec() } else { Vec::new() };
        Self { centre: moments.mean().to_vec(), scale }
    }

    /// Number of dimensions.
    pub(crate) fn cols(&self) -> usize {
        self.centre.len()
    }

    /// Factor of a dimension.
    pub(crate) fn scale(&self, j: usize) -> f64 {
        self.scale.get(j).copied().unwrap_or(1.0)
    }

    /// Copies rows into these coordinates, with a last column of ones for the bias: n×(d+1).
    ///
    /// # Errors
    /// Refuses rows of another width.
    pub(crate) fn design(&self, rows: ArrayView2<'_, f64>, places: &[usize]) -> Result<Array2<f64>> {
        let d = self.cols();
        if rows.ncols() != d {
            return Err(Error::Invalid(format!("the rows have {} dimensions, the probe {d}", rows.ncols())));
        }
        let mut design = picked(rows, places, 1);
        for mut row in design.rows_mut() {
            for j in 0..d {
                row[j] = (row[j] - self.centre[j]) * self.scale(j);
            }
            row[d] = 1.0;
        }
        Ok(design)
    }
}
