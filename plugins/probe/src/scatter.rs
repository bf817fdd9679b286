//! Counts, means and scatter of rows by group: sums that merge without loss however the rows were cut.

use std::collections::BTreeMap;

use isoscope_plugin_sdk::prelude::*;
use ndarray::{Axis, Slice};

/// How much of the scatter is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Spread {
    /// None of it: counts and means only.
    Means,
    /// The squares of each dimension, d numbers.
    Diagonal,
    /// All products, d×d.
    Full,
}

/// Count and mean of one group.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Centre {
    pub(crate) n: u64,
    pub(crate) mean: Vec<f64>,
}

/// Groups with their centres, and the scatter of all rows around the centre of their own group.
///
/// A group that is met again adds its distance from the mean so far as one more row of weight n₁n₂/n (Chan, Golub &
/// `LeVeque` 1979), so no square of a large mean is ever subtracted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Scatter {
    spread: Spread,
    cols: usize,
    pub(crate) groups: BTreeMap<String, Centre>,
    sums: Vec<f64>,
}

impl Scatter {
    pub(crate) fn new(spread: Spread, cols: usize) -> Self {
        let kept = match spread {
            Spread::Means => 0,
            Spread::Diagonal => cols,
            Spread::Full => cols * cols,
        };
        Self { spread, cols, groups: BTreeMap::new(), sums: vec![0.0; kept] }
    }

    /// Absorbs rows, n×d; `groups` names the group of each.
    ///
    /// # Errors
    /// Refuses rows of another width; passes on the failure of a product.
    pub(crate) fn absorb(&mut self, rows: Array2<f64>, groups: &[&str], linalg: Linalg) -> Result<()> {
        if rows.ncols() != self.cols {
            return Err(Error::Invalid(format!(
                "the rows have {} dimensions, not {}",
                rows.ncols(),
                self.cols
            )));
        }
        let mut places: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        groups.iter().enumerate().for_each(|(i, group)| places.entry(group).or_default().push(i));
        let mut around = rows;
        let mut found = BTreeMap::new();
        for (group, places) in places {
            let mut mean = Array1::<f64>::zeros(self.cols);
            for &i in &places {
                mean += &around.row(i);
            }
            mean /= places.len() as f64;
            for &i in &places {
                let mut row = around.row_mut(i);
                row -= &mean;
            }
            found.insert(group.to_owned(), Centre { n: places.len() as u64, mean: mean.to_vec() });
        }
        self.add_products(around.view(), linalg)?;
        self.join(found, linalg)
    }

    /// Absorbs the sums over other rows.
    ///
    /// # Errors
    /// Refuses sums of another shape; passes on the failure of a product.
    pub(crate) fn merge(&mut self, other: Self, linalg: Linalg) -> Result<()> {
        if (other.spread, other.cols, other.sums.len()) != (self.spread, self.cols, self.sums.len()) {
            return Err(Error::invalid("sums over rows of another shape cannot be merged"));
        }
        self.sums.iter_mut().zip(&other.sums).for_each(|(mine, more)| *mine += more);
        self.join(other.groups, linalg)
    }

    /// Joins centres, and adds to the scatter what lies between those of the same group.
    fn join(&mut self, centres: BTreeMap<String, Centre>, linalg: Linalg) -> Result<()> {
        let mut between = Vec::new();
        for (group, more) in centres {
            if more.mean.len() != self.cols {
                return Err(Error::invalid("a mean of another width cannot be merged"));
            }
            match self.groups.get_mut(&group) {
                None => drop(self.groups.insert(group, more)),
                Some(mine) => {
                    let (a, b) = (mine.n as f64, more.n as f64);
                    let weight = (a * b / (a + b)).sqrt();
                    let share = b / (a + b);
                    for (mine, more) in mine.mean.iter_mut().zip(more.mean) {
                        between.push(weight * (more - *mine));
                        *mine += share * (more - *mine);
                    }
                    mine.n += more.n;
                }
            }
        }
        let rows = between.len() / self.cols.max(1);
        let between = Array2::from_shape_vec((rows, self.cols), between)
            .map_err(|_| Error::failed("the differences of means do not form a matrix"))?;
        self.add_products(between.view(), linalg)
    }

    fn add_products(&mut self, rows: ArrayView2<'_, f64>, linalg: Linalg) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        match self.spread {
            Spread::Means => {}
            Spread::Diagonal => {
                for row in rows.rows() {
                    self.sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += x * x);
                }
            }
            Spread::Full => {
                let products = linalg.matmul(rows.t(), rows)?;
                self.sums.iter_mut().zip(&products).for_each(|(sum, x)| *sum += x);
            }
        }
        Ok(())
    }

    /// Number of rows over all groups.
    pub(crate) fn n(&self) -> u64 {
        self.groups.values().map(|centre| centre.n).sum()
    }

    /// Mean of the rows of all groups, d numbers; zeros when there are none.
    pub(crate) fn mean(&self) -> Array1<f64> {
        let n = self.n() as f64;
        let mut mean = Array1::zeros(self.cols);
        for centre in self.groups.values() {
            let share = centre.n as f64 / n;
            mean.iter_mut().zip(&centre.mean).for_each(|(sum, x)| *sum += share * x);
        }
        mean
    }

    /// Squares of each dimension around the centres, d numbers; zeros when no scatter is kept.
    pub(crate) fn squares(&self) -> Array1<f64> {
        match self.spread {
            Spread::Means => Array1::zeros(self.cols),
            Spread::Diagonal => self.sums.iter().copied().collect(),
            Spread::Full => (0..self.cols).map(|j| self.sums[j * self.cols + j]).collect(),
        }
    }

    /// The scatter around the centres, d×d.
    ///
    /// # Errors
    /// Refuses when it was not kept.
    pub(crate) fn products(&self) -> Result<ArrayView2<'_, f64>> {
        ArrayView2::from_shape((self.cols, self.cols), &self.sums)
            .map_err(|_| Error::failed("the scatter was not kept in full"))
    }
}

/// Copies some rows of a matrix, optionally with further columns on the right that stay zero.
pub(crate) fn picked(rows: ArrayView2<'_, f64>, places: &[usize], more: usize) -> Array2<f64> {
    let d = rows.ncols();
    let mut copy = Array2::zeros((places.len(), d + more));
    for (mut target, &place) in copy.axis_iter_mut(Axis(0)).zip(places) {
        target.slice_axis_mut(Axis(0), Slice::from(..d)).assign(&rows.row(place));
    }
    copy
}

#[cfg(test)]
mod tests {
    use isoscope_plugin_sdk::testing::native_host;

    use super::*;

    #[test]
    fn parts_merge_to_the_scatter_around_each_mean() {
        let linalg = native_host().linalg();
        let rows = Array2::from_shape_fn((11, 2), |(i, j)| 1e6 + ((i * 5 + j * 3) % 7) as f64);
        let names: Vec<&str> = (0..11).map(|i| if i % 3 == 0 { "a" } else { "b" }).collect();
        let mut whole = Scatter::new(Spread::Full, 2);
        whole.absorb(rows.clone(), &names, linalg).unwrap();
        let mut parts = Scatter::new(Spread::Full, 2);
        for (from, to) in [(0, 4), (4, 5), (5, 11)] {
            let mut part = Scatter::new(Spread::Full, 2);
            part.absorb(rows.slice_axis(Axis(0), Slice::from(from..to)).to_owned(), &names[from..to], linalg)
                .unwrap();
            parts.merge(part, linalg).unwrap();
        }
        assert_eq!(whole.n(), parts.n());
        for (a, b) in whole.sums.iter().zip(&parts.sums) {
            assert!((a - b).abs() < 1e-8, "{a} {b}");
        }
        let direct: f64 = ["a", "b"]
            .iter()
            .map(|g| {
                let own: Vec<f64> = (0..11).filter(|&i| names[i] == *g).map(|i| rows[[i, 0]]).collect();
                let mean = own.iter().sum::<f64>() / own.len() as f64;
                own.iter().map(|x| (x - mean).powi(2)).sum::<f64>()
            })
            .sum();
        assert!((whole.squares()[0] - direct).abs() < 1e-8);
    }
}
