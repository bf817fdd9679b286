//! The scatter of each cluster around its mean.

use isoscope_cluster::Clusters;
use isoscope_plugin_sdk::prelude::*;
use ndarray::{Axis, Slice};

/// Eigenvalues below this many `d ε λ₁` are rounding noise of a Gram matrix formed in double precision.
const NOISE: f64 = 16.0;

/// Lower triangles of the scatters, `d(d + 1)/2` numbers for each cluster that has rows.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ClusterScatter {
    d: usize,
    triangles: Vec<Vec<f64>>,
}

/// The rows of a batch in the order of their clusters.
pub(crate) struct Sorted {
    /// Rows minus the means of their clusters, n×d.
    pub(crate) residuals: Array2<f64>,
    /// Place in the batch of each of them.
    pub(crate) order: Vec<usize>,
    /// First row of each cluster, and the number of rows at the end.
    starts: Vec<usize>,
}

impl Sorted {
    /// Sorts rows (n×d) by their labels.
    pub(crate) fn new(clusters: &Clusters, rows: ArrayView2<'_, f64>, labels: &[usize]) -> Self {
        let mut order: Vec<usize> = (0..rows.nrows()).collect();
        order.sort_by_key(|&i| labels[i]);
        let starts = (0..=clusters.k()).map(|c| order.partition_point(|&i| labels[i] < c)).collect();
        let mut residuals = rows.select(Axis(0), &order);
        for (mut row, &i) in residuals.rows_mut().into_iter().zip(&order) {
            row -= &ArrayView1::from(clusters.mean(labels[i]));
        }
        Self { residuals, order, starts }
    }

    /// Clusters that have rows, with the range of their rows.
    pub(crate) fn groups(&self) -> impl Iterator<Item = (usize, Slice)> {
        let ranges = self.starts.windows(2).enumerate();
        ranges.filter(|(_, w)| w[1] > w[0]).map(|(cluster, w)| (cluster, Slice::from(w[0]..w[1])))
    }
}

impl ClusterScatter {
    pub(crate) fn new(k: usize, d: usize) -> Self {
        Self { d, triangles: vec![Vec::new(); k] }
    }

    /// Adds rows.
    ///
    /// # Errors
    /// Passes on what the host's product answers.
    pub(crate) fn absorb(&mut self, linalg: Linalg, sorted: &Sorted) -> Result<()> {
        let d = self.d;
        let mut product = Array2::zeros((d, d));
        for (cluster, range) in sorted.groups() {
            let rows = sorted.residuals.slice_axis(Axis(0), range);
            linalg.matmul_into(rows.t(), rows, product.view_mut())?;
            let triangle = &mut self.triangles[cluster];
            triangle.resize(d * (d + 1) / 2, 0.0);
            let mut rest = &mut triangle[..];
            for (i, row) in product.rows().into_iter().enumerate() {
                let (own, after) = rest.split_at_mut(i + 1);
                own.iter_mut().zip(row).for_each(|(sum, x)| *sum += x);
                rest = after;
            }
        }
        Ok(())
    }

    /// Adds the scatters of another part.
    ///
    /// # Errors
    /// Refuses another number of clusters.
    pub(crate) fn merge(&mut self, other: Self) -> Result<()> {
        if self.triangles.len() != other.triangles.len() || self.d != other.d {
            return Err(Error::invalid("scatters of different clusters do not merge"));
        }
        for (mine, more) in self.triangles.iter_mut().zip(other.triangles) {
            if mine.is_empty() {
                *mine = more;
            } else {
                mine.iter_mut().zip(&more).for_each(|(mine, more)| *mine += more);
            }
        }
        Ok(())
    }

    /// Finds the leading principal directions of a cluster of `size` rows, one after the other: `most`, but no more than
    /// `size - 1` and than the scatter determines.
    ///
    /// # Errors
    /// Fails when the host's eigen-decomposition does.
    pub(crate) fn leading(&self, linalg: Linalg, cluster: usize, size: u64, most: usize) -> Result<Vec<f64>> {
        let most = most.min(usize::try_from(size.saturating_sub(1)).unwrap_or(usize::MAX));
        let triangle = self.triangles.get(cluster).filter(|t| t.len() == self.d * (self.d + 1) / 2);
        let Some(triangle) = triangle.filter(|_| most > 0) else { return Ok(Vec::new()) };
        let at = |i: usize, j: usize| triangle[i.max(j) * (i.max(j) + 1) / 2 + i.min(j)];
        let scatter = Array2::from_shape_fn((self.d, self.d), |(i, j)| at(i, j));
        let (values, vectors) = linalg.eigh(scatter.view())?;
        let floor = NOISE * self.d as f64 * f64::EPSILON * values[0];
        let rank = values.iter().take_while(|value| **value > floor).count();
        Ok(vectors.rows().into_iter().take(most.min(rank)).flat_map(|u| u.to_vec()).collect())
    }
}
