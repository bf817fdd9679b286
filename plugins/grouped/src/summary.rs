//! The mean over groups.

use isoscope_plugin_sdk::prelude::*;

/// Values of groups in the order of their keys, so that the bits of the mean do not depend on how the rows were cut.
#[derive(Debug, Clone, Default)]
pub(crate) struct Summary {
    values: Vec<f64>,
    rows: u64,
}

impl Summary {
    /// Adds the value of a group of so many rows.
    pub(crate) fn add(&mut self, value: f64, rows: u64) {
        self.values.push(value);
        self.rows += rows;
    }

    /// Returns the number of groups.
    pub(crate) fn groups(&self) -> usize {
        self.values.len()
    }

    /// Computes the unweighted mean; `None` without groups.
    pub(crate) fn mean(&self) -> Option<f64> {
        (!self.values.is_empty()).then(|| self.values.iter().sum::<f64>() / self.values.len() as f64)
    }

    /// Computes the standard error of the mean over groups; not a number below 2 groups, which counts as not estimated.
    pub(crate) fn std_err(&self) -> f64 {
        let (Some(mean), g) = (self.mean(), self.values.len() as f64) else { return f64::NAN };
        let square: f64 = self.values.iter().map(|v| (v - mean).powi(2)).sum();
        (square / (g - 1.0) / g).sqrt()
    }

    /// Writes the mean with its standard error and the rows behind it, or why there is none.
    pub(crate) fn write(&self, id: &str, without: &str, out: &mut Out<'_>) -> Result<()> {
        out.set_n(self.rows);
        match self.mean() {
            Some(mean) => out.value_with_error(id, mean, self.std_err()),
            None => out.null(id, without),
        }
    }
}
