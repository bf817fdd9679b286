//! Count, mean and centred scatter of a cloud.

use crate::linalg::{add_centred_gram, lower_of_product, mean_row, mirror_lower};
use crate::state::Blob;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Second moments of n rows of width d.
///
/// Only the lower triangle of the scatter is kept up to date; [`Second::scatter`] yields the whole matrix.
#[derive(Debug, Clone, PartialEq)]
pub struct Second {
    /// Number of rows.
    pub n: u64,
    /// Mean row, d.
    pub mean: Array1<f64>,
    lower: Array2<f64>,
}

impl Second {
    /// Creates the moments of no rows.
    #[must_use]
    pub fn empty(d: usize) -> Self {
        Self { n: 0, mean: Array1::zeros(d), lower: Array2::zeros((d, d)) }
    }

    /// Creates moments from a count, a mean and a full symmetric scatter.
    #[must_use]
    pub fn from_parts(n: u64, mean: Array1<f64>, scatter: Array2<f64>) -> Self {
        Self { n, mean, lower: scatter }
    }

    /// Returns the sum over rows of (x − mean)(x − mean)ᵀ, d×d and symmetric.
    #[must_use]
    pub fn scatter(&self) -> Array2<f64> {
        let mut scatter = self.lower.clone();
        mirror_lower(&mut scatter);
        scatter
    }

    /// Adds the rows of an n×d batch: the batch is centred on its own mean, then merged.
    pub fn absorb(&mut self, rows: ArrayView2<'_, f64>) {
        let mean = mean_row(rows);
        add_centred_gram(rows, mean.view(), &mut self.lower);
        self.shift(rows.nrows() as u64, mean.view());
    }

    /// Adds the rows that `other` has seen: S = S₁ + S₂ + δδᵀ n₁n₂/n (Chan et al. 1979).
    pub fn merge(&mut self, other: &Self) {
        if other.n == 0 {
            return;
        }
        for i in 0..self.mean.len() {
            let (mut own, theirs) = (self.lower.row_mut(i), other.lower.row(i));
            for j in 0..=i {
                own[j] += theirs[j];
            }
        }
        self.shift(other.n, other.mean.view());
    }

    /// Moves count and mean to take in `n` rows of mean `mean` whose own scatter has been added already.
    fn shift(&mut self, n: u64, mean: ArrayView1<'_, f64>) {
        let total = (self.n + n) as f64;
        let delta = &mean - &self.mean;
        let weight = self.n as f64 * (n as f64 / total);
        if self.n > 0 {
            for i in 0..delta.len() {
                let scaled = weight * delta[i];
                let mut row = self.lower.row_mut(i);
                for j in 0..=i {
                    row[j] += scaled * delta[j];
                }
            }
        }
        self.mean.scaled_add(n as f64 / total, &delta);
        self.n += n;
    }

    /// Maps the moments through y = a x + c, for a of k×d: mean ↦ a·mean + c, scatter ↦ a·scatter·aᵀ. Exact up to
    /// rounding, and no row is read.
    #[must_use]
    pub fn map_affine(&self, a: ArrayView2<'_, f64>, c: ArrayView1<'_, f64>) -> Self {
        let half = a.dot(&self.scatter());
        Self { n: self.n, mean: a.dot(&self.mean) + c, lower: lower_of_product(half.view(), a.t()) }
    }

    /// Returns the raw second moment `XᵀX` = scatter + n·mean·meanᵀ, d×d.
    #[must_use]
    pub fn second_moment(&self) -> Array2<f64> {
        let mut m = self.scatter();
        let n = self.n as f64;
        for ((i, j), value) in m.indexed_iter_mut() {
            *value += n * self.mean[i] * self.mean[j];
        }
        m
    }
}

/// Wire form.
#[derive(Serialize, Deserialize)]
struct Packed {
    n: u64,
    mean: Vec<f64>,
    /// The lower triangle by rows, the bytes of each number from the least significant one on.
    lower: Blob,
}

impl Serialize for Second {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let d = self.mean.len();
        let mut lower = Vec::with_capacity(d * (d + 1) / 2 * size_of::<f64>());
        for (i, row) in self.lower.rows().into_iter().enumerate() {
            lower.extend(row.iter().take(i + 1).flat_map(|value| value.to_le_bytes()));
        }
        Packed { n: self.n, mean: self.mean.to_vec(), lower: Blob(lower) }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Second {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Packed { n, mean, lower: Blob(bytes) } = Packed::deserialize(deserializer)?;
        let d = mean.len();
        let (values, rest) = bytes.as_chunks();
        if values.len() != d * (d + 1) / 2 || !rest.is_empty() {
            return Err(D::Error::custom("the triangle does not fit the mean"));
        }
        let mut lower = Array2::zeros((d, d));
        let mut values = values.iter();
        for (i, mut row) in lower.rows_mut().into_iter().enumerate() {
            for (cell, value) in row.iter_mut().zip(values.by_ref().take(i + 1)) {
                *cell = f64::from_le_bytes(*value);
            }
        }
        Ok(Self { n, mean: mean.into(), lower })
    }
}
