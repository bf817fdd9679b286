//! Isotropy of the rows minus the means of their clusters, by the partition function.

use isoscope_partition::LogSumExp;
use isoscope_plugin_sdk::prelude::*;
use ndarray::{Axis, Slice};

/// Rows that are projected at a time.
const BLOCK: usize = 256;

/// Relative spread of the eigenvalues below which their eigenvectors are taken to be arbitrary.
const DEGENERATE: f64 = 1e-9;

/// Scatter around the means, relative to the squares of the means, below which all rows count as equal to their means:
/// the square of the rounding error of a mean in double precision, with room to spare.
const EQUAL_ROWS: f64 = 1e-26;

/// The scatter of the rows around the means of their clusters, over all clusters, d×d.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct PooledScatter {
    d: usize,
    sums: Vec<f64>,
}

impl PooledScatter {
    pub(crate) fn new(d: usize) -> Self {
        Self { d, sums: vec![0.0; d * d] }
    }

    /// Adds rows minus the means of their clusters.
    ///
    /// # Errors
    /// Passes on what the host's product answers.
    pub(crate) fn absorb(&mut self, linalg: Linalg, residuals: ArrayView2<'_, f64>) -> Result<()> {
        let products = linalg.matmul(residuals.t(), residuals)?;
        self.sums.iter_mut().zip(&products).for_each(|(sum, product)| *sum += product);
        Ok(())
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.sums.iter_mut().zip(&other.sums).for_each(|(mine, more)| *mine += more);
    }

    /// Finds the principal directions (d×d, one a row), or says why there are none. `means` is the sum of the squared
    /// norms of the means, each as often as its cluster has rows.
    ///
    /// # Errors
    /// Fails when the host's eigen-decomposition does.
    pub(crate) fn directions(
        &self,
        linalg: Linalg,
        n: u64,
        means: f64,
    ) -> Result<Result<Array2<f64>, String>> {
        if n < 2 {
            return Ok(Err("fewer than 2 rows".to_owned()));
        }
        if self.d < 2 {
            return Ok(Err("one dimension has only one direction".to_owned()));
        }
        let scatter = ArrayView2::from_shape((self.d, self.d), &self.sums)
            .map_err(|_| Error::invalid("the pooled scatter is not a square matrix"))?;
        let total = scatter.diag().sum();
        if !total.is_finite() {
            return Ok(Err("the squares of the rows exceed double precision".to_owned()));
        }
        if total <= EQUAL_ROWS * means {
            return Ok(Err("every row equals the mean of its cluster".to_owned()));
        }
        let (values, vectors) = linalg.eigh(scatter)?;
        let (first, last) = (values[0], values[self.d - 1]);
        if first - last <= DEGENERATE * first {
            let reason = "all eigenvalues are equal within 1e-9, so the directions are arbitrary";
            return Ok(Err(reason.to_owned()));
        }
        Ok(Ok(vectors))
    }
}

/// Adds the projections of rows minus the means of their clusters on the directions (d×d, one a row).
///
/// # Errors
/// Passes on what the host's product answers.
pub(crate) fn project(
    linalg: Linalg,
    residuals: ArrayView2<'_, f64>,
    directions: ArrayView2<'_, f64>,
    sums: &mut LogSumExp,
) -> Result<()> {
    let mut projected = Array2::zeros((BLOCK.min(residuals.nrows()), directions.nrows()));
    for block in residuals.axis_chunks_iter(Axis(0), BLOCK) {
        let mut target = projected.slice_axis_mut(Axis(0), Slice::from(..block.nrows()));
        linalg.matmul_into(block, directions.t(), target.view_mut())?;
        sums.absorb(&target.view())?;
    }
    Ok(())
}

/// Computes `log I`, the least minus the greatest `log Z` over both signs of all directions.
///
/// # Errors
/// Says why there is no such number.
pub(crate) fn log_isotropy(sums: &LogSumExp) -> Result<f64, String> {
    if !sums.in_range() {
        return Err("a projection exceeds 1e12 in magnitude or is not finite".to_owned());
    }
    let (plus, minus) = (sums.log_plus(), sums.log_minus());
    let (low, high) = plus
        .into_iter()
        .chain(minus)
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), z| (low.min(z), high.max(z)));
    Ok(low - high)
}
