//! The pass that measures the rows against the means of their clusters, for every run.

use isoscope_plugin_sdk::prelude::*;
use ndarray::{Axis, Slice};

use crate::{
    adjusted::UnitSums, clusters::Clusters, distance::squared_norm, indices::Spread, local::PooledScatter,
};

/// Rows whose scatter is added at a time: enough for the product to outweigh the addition.
const BLOCK: usize = 2048;

/// Everything that is summed over the rows of one run.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Within {
    pub(crate) spread: Spread,
    pub(crate) units: UnitSums,
    pub(crate) scatter: PooledScatter,
}

impl Within {
    pub(crate) fn new(k: usize, d: usize) -> Self {
        Self { spread: Spread::new(k), units: UnitSums::new(k, d), scatter: PooledScatter::new(d) }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.spread.merge(&other.spread);
        self.units.merge(&other.units);
        self.scatter.merge(&other.scatter);
    }

    /// Adds rows minus the means of their clusters.
    ///
    /// # Errors
    /// Passes on what the host's product answers.
    pub(crate) fn absorb(
        &mut self,
        linalg: Linalg,
        residuals: ArrayView2<'_, f64>,
        labels: &[usize],
    ) -> Result<()> {
        for (residual, &label) in residuals.rows().into_iter().zip(labels) {
            let square = residual.to_slice().map_or(0.0, squared_norm);
            self.spread.add(label, square);
            self.units.add(label, residual, square.sqrt());
        }
        self.scatter.absorb(linalg, residuals)
    }
}

/// Hands over, block by block and run by run, the rows minus the means of their clusters, and their labels.
///
/// # Errors
/// Refuses rows of another width; passes on the errors of `visit` and of the host's product.
pub(crate) fn residuals(
    runs: &[Clusters],
    linalg: Linalg,
    rows: ArrayView2<'_, f64>,
    mut visit: impl FnMut(usize, ArrayView2<'_, f64>, &[usize]) -> Result<()>,
) -> Result<()> {
    let nearest = Clusters::nearest_of(runs, linalg)?;
    let mut buffer = Array2::zeros((BLOCK.min(rows.nrows()), rows.ncols()));
    let mut own = Vec::new();
    for block in rows.axis_chunks_iter(Axis(0), BLOCK) {
        let labels = nearest.labels(block)?;
        let mut residuals = buffer.slice_axis_mut(Axis(0), Slice::from(..block.nrows()));
        for (run, clusters) in runs.iter().enumerate() {
            own.clear();
            own.extend(labels.iter().skip(run).step_by(runs.len()).copied());
            residuals.assign(&block);
            for (mut row, &label) in residuals.rows_mut().into_iter().zip(&own) {
                row -= &ArrayView1::from(clusters.mean(label));
            }
            visit(run, residuals.view(), &own)?;
        }
    }
    Ok(())
}
