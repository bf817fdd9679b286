//! Mean and centred scatter of the rows that an op uses.

use isoscope_plugin_sdk::prelude::*;
use ndarray::Axis;

/// Number, mean and sum of (x − mean)(x − mean)ᵀ of some rows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Scatter {
    n: u64,
    /// d; empty while there are no rows. So are the squares, d·d.
    mean: Vec<f64>,
    squares: Vec<f64>,
}

impl Scatter {
    /// Makes the scatter of some rows, n×d: centred first, so that a mean far from the origin costs no digits.
    pub(crate) fn of(rows: &Array2<f64>, linalg: Linalg) -> Result<Self> {
        let Some(mean) = rows.mean_axis(Axis(0)) else { return Ok(Self::default()) };
        let centred = rows - &mean;
        let squares = linalg.matmul(centred.t(), centred.view())?;
        Ok(Self { n: rows.nrows() as u64, mean: mean.to_vec(), squares: squares.iter().copied().collect() })
    }

    /// Adds other rows (Chan, Golub & `LeVeque` 1983).
    ///
    /// # Errors
    /// [`Error::Invalid`] when the widths differ.
    pub(crate) fn merge(&mut self, other: Self) -> Result<()> {
        if other.n == 0 {
            return Ok(());
        }
        if self.n == 0 {
            *self = other;
            return Ok(());
        }
        let d = self.mean.len();
        if other.mean.len() != d {
            return Err(Error::Invalid(format!(
                "rows of width {d} and of {} do not merge",
                other.mean.len()
            )));
        }
        let n = (self.n + other.n) as f64;
        let (share, weight) = (other.n as f64 / n, self.n as f64 * (other.n as f64 / n));
        let shift: Vec<f64> = self.mean.iter().zip(&other.mean).map(|(a, b)| b - a).collect();
        for (i, (row, more)) in self.squares.chunks_mut(d).zip(other.squares.chunks(d)).enumerate() {
            for ((sum, x), delta) in row.iter_mut().zip(more).zip(&shift) {
                *sum += x + weight * shift[i] * delta;
            }
        }
        self.mean.iter_mut().zip(&shift).for_each(|(mean, delta)| *mean += share * delta);
        self.n += other.n;
        Ok(())
    }

    /// Returns the number of rows.
    pub(crate) const fn n(&self) -> u64 {
        self.n
    }

    /// Returns the mean, d.
    pub(crate) fn mean(&self) -> &[f64] {
        &self.mean
    }

    /// Decomposes the scatter: d eigenvalues, descending, and d×d vectors, row k for value k.
    pub(crate) fn eigen(&self, linalg: Linalg) -> Result<(Array1<f64>, Array2<f64>)> {
        let d = self.mean.len();
        let matrix = ArrayView2::from_shape((d, d), &self.squares)
            .map_err(|_| Error::invalid("a scatter that is not square"))?;
        linalg.eigh(matrix)
    }
}
