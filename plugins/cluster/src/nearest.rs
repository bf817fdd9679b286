//! The nearest of some centroids to every row: one matrix product a block, near-ties decided one by one.

use std::cmp::Ordering;

use isoscope_plugin_sdk::prelude::*;
use ndarray::{Axis, Slice};

use crate::distance::{squared_distance, squared_norm};

/// Rows that are compared with the centroids at a time.
const BLOCK: usize = 512;

/// Finds the nearest centroid of every row, in each of several sets of `k` centroids.
///
/// Distances come from `|x|² - 2xc + |c|²` on numbers minus a common centre. Where two of them differ by no more than the
/// rounding of that product can explain, they are computed again from the differences, in a fixed order of operations; of
/// equal ones the lowest index is taken. So the answer depends on the row and on the centroids alone: not on the batch
/// that the row came in, nor on the host's matrix product.
pub struct Nearest<'a> {
    linalg: Linalg,
    centre: ArrayView1<'a, f64>,
    centroids: Array2<f64>,
    /// Centroids of one set.
    k: usize,
    /// Centroids minus the centre.
    centred: Array2<f64>,
    /// `|c|² / 2` of the centred centroids.
    half_norms: Vec<f64>,
    /// Largest `|c|` of the centred centroids of each set.
    reach: Vec<f64>,
}

impl<'a> Nearest<'a> {
    /// Prepares sets of `k` centroids, stacked as `sets·k × d`. `centre` lies in their midst.
    ///
    /// # Errors
    /// Refuses sizes that disagree.
    pub fn new(linalg: Linalg, centre: &'a [f64], centroids: Array2<f64>, k: usize) -> Result<Self> {
        if centroids.ncols() != centre.len() || k == 0 || !centroids.nrows().is_multiple_of(k) {
            return Err(Error::invalid("the fitted centroids do not have the size of their centre"));
        }
        let centre = ArrayView1::from(centre);
        let centred = &centroids - &centre;
        let norms: Vec<f64> = centred.rows().into_iter().map(|c| c.iter().map(|x| x * x).sum()).collect();
        let reach = norms.chunks(k).map(|set| set.iter().copied().fold(0.0, f64::max).sqrt()).collect();
        let half_norms = norms.iter().map(|norm| norm / 2.0).collect();
        Ok(Self { linalg, centre, centroids, k, centred, half_norms, reach })
    }

    /// Number of sets.
    #[must_use]
    pub fn sets(&self) -> usize {
        self.reach.len()
    }

    /// Returns the label of every row in every set, row by row: `n·sets` indices below `k`.
    ///
    /// # Errors
    /// Refuses rows of another width; passes on what the host's product answers.
    pub fn labels(&self, rows: ArrayView2<'_, f64>) -> Result<Vec<usize>> {
        let d = self.centre.len();
        if rows.ncols() != d {
            return Err(Error::invalid(format!(
                "the rows have {} dimensions, the centroids have {d}",
                rows.ncols()
            )));
        }
        let height = BLOCK.min(rows.nrows());
        let mut centred = Array2::zeros((height, d));
        let mut products = Array2::zeros((height, self.centroids.nrows()));
        let mut labels = Vec::with_capacity(rows.nrows() * self.sets());
        for block in rows.axis_chunks_iter(Axis(0), BLOCK) {
            let height = Slice::from(..block.nrows());
            let mut own = centred.slice_axis_mut(Axis(0), height);
            own.assign(&block);
            own -= &self.centre;
            let mut products = products.slice_axis_mut(Axis(0), height);
            self.linalg.matmul_into(own.view(), self.centred.t(), products.view_mut())?;
            for ((row, own), products) in block.rows().into_iter().zip(own.rows()).zip(products.rows()) {
                let slice = |row: ArrayView1<'_, f64>| row.to_slice().map(squared_norm);
                let norm = slice(own).unwrap_or(f64::INFINITY).sqrt();
                for set in 0..self.sets() {
                    labels.push(self.label(row, norm, products, set)?);
                }
            }
        }
        Ok(labels)
    }

    /// Chooses among the centroids of one set by `|c|²/2 - xc`, which orders them as their distances do.
    fn label(
        &self,
        row: ArrayView1<'_, f64>,
        norm: f64,
        products: ArrayView1<'_, f64>,
        set: usize,
    ) -> Result<usize> {
        let score = |j: usize| self.half_norms[set * self.k + j] - products[set * self.k + j];
        let (mut best, mut least) = (0, f64::INFINITY);
        for j in 0..self.k {
            let score = score(j);
            if score < least {
                (best, least) = (j, score);
            }
        }
        // Bound of the error of one score: that of an inner product of d terms, and of the few operations around it.
        let reach = norm + self.reach[set];
        let bound = 2.0 * (self.centre.len() as f64 + 16.0) * f64::EPSILON * reach * reach;
        // A score that is not a number counts as near.
        let near = |j: usize| score(j).partial_cmp(&(least + bound)) != Some(Ordering::Greater);
        if near(best) && (0..self.k).filter(|&j| near(j)).count() == 1 {
            return Ok(best);
        }
        let row = row.to_slice().ok_or_else(|| Error::failed("the numbers of a row are not contiguous"))?;
        let (mut best, mut least) = (0, f64::INFINITY);
        for j in (0..self.k).filter(|&j| near(j)) {
            let distance = self.centroids.row(set * self.k + j).to_slice().map(|c| squared_distance(row, c));
            if let Some(distance) = distance.filter(|distance| *distance < least) {
                (best, least) = (j, distance);
            }
        }
        Ok(best)
    }
}
