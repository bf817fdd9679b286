//! Sums of unit vectors, from which the mean cosine over all pairs follows.

use isoscope_plugin_sdk::prelude::*;

/// Number and sum of the unit vectors of some rows.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct UnitSum {
    rows: u64,
    /// Empty while there are no rows.
    sum: Vec<f64>,
}

impl UnitSum {
    /// Adds the direction of a row of norm `norm`.
    pub(crate) fn add(&mut self, row: ArrayView1<'_, f64>, norm: f64) {
        self.sum.resize(row.len(), 0.0);
        self.sum.iter_mut().zip(row).for_each(|(sum, x)| *sum += x / norm);
        self.rows += 1;
    }

    /// Wraps the sum of the unit vectors of so many rows; an empty list stands for zeros.
    pub(crate) fn of(rows: u64, sum: &[f64]) -> Self {
        Self { rows, sum: sum.to_vec() }
    }

    /// Adds the rows of another sum.
    ///
    /// # Errors
    /// [`Error::Invalid`] when the widths differ.
    pub(crate) fn merge(&mut self, other: &Self) -> Result<()> {
        add_to(&mut self.sum, &other.sum)?;
        self.rows += other.rows;
        Ok(())
    }

    /// Returns the number of rows with a direction.
    pub(crate) const fn rows(&self) -> u64 {
        self.rows
    }

    /// Computes the mean cosine over ordered pairs of distinct rows, (‖s‖² − m) / (m (m − 1)); `None` below 2 rows.
    pub(crate) fn mean_cosine(&self) -> Option<f64> {
        let m = self.rows as f64;
        let square: f64 = self.sum.iter().map(|s| s * s).sum();
        (self.rows >= 2).then(|| ((square - m) / (m * (m - 1.0))).clamp(-1.0 / (m - 1.0), 1.0))
    }
}

/// Adds `other` to `sum`, where an empty list stands for zeros.
///
/// # Errors
/// [`Error::Invalid`] when the widths differ.
pub(crate) fn add_to(sum: &mut Vec<f64>, other: &[f64]) -> Result<()> {
    if sum.is_empty() {
        sum.extend_from_slice(other);
        return Ok(());
    }
    if !other.is_empty() && sum.len() != other.len() {
        return Err(Error::Invalid(format!(
            "rows of width {} and of {} do not merge",
            sum.len(),
            other.len()
        )));
    }
    sum.iter_mut().zip(other).for_each(|(a, b)| *a += b);
    Ok(())
}

/// Computes the norm of a row; `None` when it has no direction: it is zero or not finite.
pub(crate) fn directed(row: ArrayView1<'_, f64>) -> Option<f64> {
    let norm = row.iter().map(|x| x * x).sum::<f64>().sqrt();
    (norm > 0.0 && norm.is_finite()).then_some(norm)
}
