//! Where an op writes its results.

use core::fmt;

use crate::Result;

/// One number as it goes to the host.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RowOut<'a> {
    pub(crate) metric: &'a str,
    pub(crate) part: &'a str,
    pub(crate) status: &'a str,
    pub(crate) value: f64,
    pub(crate) std_err: f64,
    pub(crate) n: u64,
}

/// One vector as it goes to the host.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SeriesOut<'a> {
    pub(crate) metric: &'a str,
    pub(crate) part: &'a str,
    pub(crate) status: &'a str,
    pub(crate) values: &'a [f64],
    pub(crate) n: u64,
}

/// The receiver behind an [`Out`].
pub(crate) trait Receive {
    fn row(&mut self, row: RowOut<'_>) -> Result<()>;
    fn series(&mut self, series: SeriesOut<'_>) -> Result<()>;
}

/// Receives the values of an op. Ids are full ids as the op's metadata lists them.
///
/// A value that is not finite becomes a null with a reason: no NaN leaves an op.
pub struct Out<'a> {
    receiver: &'a mut dyn Receive,
    n: u64,
}

impl fmt::Debug for Out<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Out").field("n", &self.n).finish_non_exhaustive()
    }
}

impl<'a> Out<'a> {
    pub(crate) fn new(receiver: &'a mut dyn Receive, n: u64) -> Self {
        Self { receiver, n }
    }

    /// Sets the number of observations behind the values that follow; `measure` starts with that of the moments.
    pub fn set_n(&mut self, n: u64) {
        self.n = n;
    }

    /// Writes a number.
    ///
    /// # Errors
    /// [`Error::Failed`](crate::Error::Failed) when the host refuses it. So do all functions of this type.
    pub fn value(&mut self, id: &str, value: f64) -> Result<()> {
        self.row(id, "", value, f64::NAN)
    }

    /// Writes a number with its standard error; one that is not finite counts as not estimated.
    ///
    /// # Errors
    /// As [`Out::value`].
    pub fn value_with_error(&mut self, id: &str, value: f64, std_err: f64) -> Result<()> {
        self.row(id, "", value, if std_err.is_finite() { std_err } else { f64::NAN })
    }

    /// Writes one of the named numbers of an object.
    ///
    /// # Errors
    /// As [`Out::value`].
    pub fn part(&mut self, id: &str, part: &str, value: f64) -> Result<()> {
        self.row(id, part, value, f64::NAN)
    }

    /// Writes a vector. When a value is not finite the whole vector becomes a null that names the first such index.
    ///
    /// # Errors
    /// As [`Out::value`].
    pub fn series(&mut self, id: &str, values: &[f64]) -> Result<()> {
        self.series_part(id, "", values)
    }

    /// Writes one of the named vectors of an object; see [`Out::series`].
    ///
    /// # Errors
    /// As [`Out::value`].
    pub fn series_part(&mut self, id: &str, part: &str, values: &[f64]) -> Result<()> {
        if let Some(index) = values.iter().position(|value| !value.is_finite()) {
            return self.null_series_part(id, part, &format!("the value at index {index} is not finite"));
        }
        self.receiver.series(SeriesOut { metric: id, part, status: "", values, n: self.n })
    }

    /// Writes that there is no number, and why.
    ///
    /// # Errors
    /// As [`Out::value`].
    pub fn null(&mut self, id: &str, reason: &str) -> Result<()> {
        self.null_part(id, "", reason)
    }

    /// Writes that a named number of an object is absent, and why.
    ///
    /// # Errors
    /// As [`Out::value`].
    pub fn null_part(&mut self, id: &str, part: &str, reason: &str) -> Result<()> {
        let status = given(reason);
        self.receiver.row(RowOut { metric: id, part, status, value: f64::NAN, std_err: f64::NAN, n: self.n })
    }

    /// Writes that there is no vector, and why.
    ///
    /// # Errors
    /// As [`Out::value`].
    pub fn null_series(&mut self, id: &str, reason: &str) -> Result<()> {
        self.null_series_part(id, "", reason)
    }

    /// Writes that a named vector of an object is absent, and why.
    ///
    /// # Errors
    /// As [`Out::value`].
    pub fn null_series_part(&mut self, id: &str, part: &str, reason: &str) -> Result<()> {
        let status = given(reason);
        self.receiver.series(SeriesOut { metric: id, part, status, values: &[], n: self.n })
    }

    fn row(&mut self, id: &str, part: &str, value: f64, std_err: f64) -> Result<()> {
        let status = if value.is_finite() { "" } else { "the value is not finite" };
        self.receiver.row(RowOut { metric: id, part, status, value, std_err, n: self.n })
    }
}

/// An empty reason would read as "ok".
fn given(reason: &str) -> &str {
    if reason.is_empty() { "no reason was given" } else { reason }
}
