//! Collects what an op writes.

use crate::out::{Receive, RowOut, SeriesOut};
use crate::{Error, OpMeta, Out, Result};

/// A number that an op wrote.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Full id.
    pub metric: String,
    /// Key inside an object; empty for a scalar.
    pub part: String,
    /// The value; `None` with a reason in `status`.
    pub value: Option<f64>,
    /// `ok`, or why there is no value.
    pub status: String,
    /// Standard error, when it was estimated.
    pub std_err: Option<f64>,
    /// Observations behind the value.
    pub n: u64,
}

/// A vector that an op wrote.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// Full id.
    pub metric: String,
    /// Key inside an object; empty otherwise.
    pub part: String,
    /// `ok`, or why there are no values.
    pub status: String,
    /// The values.
    pub values: Vec<f64>,
    /// Observations behind the values.
    pub n: u64,
}

/// Everything that an op wrote, in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Collected {
    /// The numbers.
    pub rows: Vec<Row>,
    /// The vectors.
    pub series: Vec<Series>,
}

impl Collected {
    /// Returns the row of a scalar.
    #[must_use]
    pub fn row(&self, metric: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.metric == metric && row.part.is_empty())
    }

    /// Returns the value of a scalar; `None` when it is null or absent.
    #[must_use]
    pub fn value(&self, metric: &str) -> Option<f64> {
        self.row(metric)?.value
    }

    /// Returns the status of a scalar; `None` when it is absent.
    #[must_use]
    pub fn status(&self, metric: &str) -> Option<&str> {
        self.row(metric).map(|row| row.status.as_str())
    }

    /// Returns a named number of an object; `None` when it is null or absent.
    #[must_use]
    pub fn part(&self, metric: &str, part: &str) -> Option<f64> {
        self.rows.iter().find(|row| row.metric == metric && row.part == part)?.value
    }

    /// Returns a vector; `None` when it is null or absent.
    #[must_use]
    pub fn series(&self, metric: &str) -> Option<&[f64]> {
        self.series_part(metric, "")
    }

    /// Returns a named vector of an object; `None` when it is null or absent.
    #[must_use]
    pub fn series_part(&self, metric: &str, part: &str) -> Option<&[f64]> {
        let found = self.series.iter().find(|series| series.metric == metric && series.part == part)?;
        (found.status == "ok").then_some(&found.values)
    }

    /// Checks that every result is declared by the op.
    pub(super) fn check(&self, meta: &OpMeta) -> Result<()> {
        let rows = self.rows.iter().map(|row| &row.metric);
        match rows.chain(self.series.iter().map(|series| &series.metric)).find(|id| !meta.declares(id)) {
            Some(id) => {
                Err(Error::Failed(format!("{} writes \"{id}\", which its outputs do not list", meta.id)))
            }
            None => Ok(()),
        }
    }
}

fn status(given: &str) -> String {
    if given.is_empty() { "ok" } else { given }.to_owned()
}

impl Receive for Collected {
    fn row(&mut self, row: RowOut<'_>) -> Result<()> {
        self.rows.push(Row {
            metric: row.metric.to_owned(),
            part: row.part.to_owned(),
            value: row.status.is_empty().then_some(row.value),
            status: status(row.status),
            std_err: row.std_err.is_finite().then_some(row.std_err),
            n: row.n,
        });
        Ok(())
    }

    fn series(&mut self, series: SeriesOut<'_>) -> Result<()> {
        self.series.push(Series {
            metric: series.metric.to_owned(),
            part: series.part.to_owned(),
            status: status(series.status),
            values: series.values.to_vec(),
            n: series.n,
        });
        Ok(())
    }
}

/// Collects what `write` writes; n starts at 0.
///
/// # Errors
/// Those of `write`.
pub fn collect(write: impl FnOnce(&mut Out<'_>) -> Result<()>) -> Result<Collected> {
    collect_n(0, |out| write(out)).map(|(collected, ())| collected)
}

/// Collects what `write` writes, with n to start with, and its answer.
///
/// # Errors
/// Those of `write`.
pub fn collect_n<A>(n: u64, write: impl FnOnce(&mut Out<'_>) -> Result<A>) -> Result<(Collected, A)> {
    let mut collected = Collected::default();
    let answer = write(&mut Out::new(&mut collected, n))?;
    Ok((collected, answer))
}
