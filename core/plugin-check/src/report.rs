//! What an op reported, and how two reports compare.

use isoscope_plugin_host::{Collected, NOT_FINITE};
use std::collections::BTreeMap;

use crate::breach::{Breach, broken};

/// Difference of two values, relative to the larger of 1 and their magnitudes, that counts as rounding.
pub const TOLERANCE: f64 = 1e-9;

/// The same for declared invariances.
pub const INVARIANCE: f64 = 1e-7;

/// A value or a vector that an op reported.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// `ok`, or why there is no value.
    pub status: String,
    /// The values: one for a number.
    pub values: Vec<f64>,
    /// Standard error, when it was estimated.
    pub std_err: Option<f64>,
    /// Observations behind the values.
    pub n: u64,
}

/// Everything that an op reported, by metric and part.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The values.
    pub entries: BTreeMap<(String, String), Entry>,
    /// Keys that were reported more than once.
    pub(crate) twice: Vec<String>,
}

/// Part under which the rows that an enhancement writes are compared.
const ROWS: &str = "rows";

impl Report {
    /// Takes what an op wrote at the end of a pass.
    pub(crate) fn add(&mut self, collected: Collected) {
        for row in collected.rows {
            let values = row.value.into_iter().collect();
            let entry = Entry { status: row.status, values, std_err: row.std_err, n: row.n };
            self.insert(row.metric, row.part, entry);
        }
        for series in collected.series {
            let entry = Entry { status: series.status, values: series.values, std_err: None, n: series.n };
            self.insert(series.metric, series.part, entry);
        }
    }

    /// Takes the rows that an enhancement wrote.
    pub(crate) fn add_rows(&mut self, op: &str, rows: Vec<f64>, n: u64) {
        let entry = Entry { status: "ok".to_owned(), values: rows, std_err: None, n };
        self.insert(op.to_owned(), ROWS.to_owned(), entry);
    }

    fn insert(&mut self, metric: String, part: String, entry: Entry) {
        let key = (metric, part);
        if self.entries.contains_key(&key) {
            self.twice.push(name(&key));
        }
        self.entries.insert(key, entry);
    }

    /// Keeps what `keep` says of the metric.
    pub(crate) fn filtered(mut self, keep: impl Fn(&str) -> bool) -> Self {
        self.entries.retain(|(metric, _), _| keep(metric));
        self
    }

    /// Finds a NaN or an infinity that the plugin handed over.
    pub(crate) fn refuse_nonfinite(&self) -> Result<(), Breach> {
        for (key, entry) in &self.entries {
            if entry.status == NOT_FINITE || entry.values.iter().any(|value| !value.is_finite()) {
                return broken(format!(
                    "{} is a NaN or an infinity: write a null with a reason instead",
                    name(key)
                ));
            }
        }
        Ok(())
    }

    /// Compares with a report of the same rows treated otherwise; `how` says how.
    pub(crate) fn same(&self, other: &Self, tolerance: f64, how: &str) -> Result<(), Breach> {
        for key in self.entries.keys().chain(other.entries.keys()) {
            let (Some(one), Some(two)) = (self.entries.get(key), other.entries.get(key)) else {
                return broken(format!("{} is reported or not, depending on: {how}", name(key)));
            };
            if let Some(difference) = one.difference(two, tolerance) {
                return broken(format!("{}: {difference}, {how}", name(key)));
            }
        }
        Ok(())
    }

    /// Compares bit for bit.
    pub(crate) fn identical(&self, other: &Self, how: &str) -> Result<(), Breach> {
        let bits = |entry: &Entry| entry.values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        self.same(other, 0.0, how)?;
        match self.entries.iter().find(|(key, entry)| bits(entry) != bits(&other.entries[*key])) {
            Some((key, _)) => broken(format!("{} differs in its bits, {how}", name(key))),
            None => Ok(()),
        }
    }
}

impl Entry {
    /// Says how another entry differs by more than rounding.
    fn difference(&self, other: &Self, tolerance: f64) -> Option<String> {
        if self.status != other.status {
            return Some(format!("\"{}\" became \"{}\"", self.status, other.status));
        }
        if self.n != other.n {
            return Some(format!("{} observations became {}", self.n, other.n));
        }
        if self.values.len() != other.values.len() {
            return Some(format!("{} values became {}", self.values.len(), other.values.len()));
        }
        let errors = self.std_err.iter().zip(&other.std_err);
        let pairs = self.values.iter().zip(&other.values).chain(errors);
        let far =
            pairs.into_iter().find(|(a, b)| (*a - *b).abs() > tolerance * a.abs().max(b.abs()).max(1.0));
        far.map(|(a, b)| format!("{a} became {b}"))
    }
}

/// Names a key for people.
pub(crate) fn name((metric, part): &(String, String)) -> String {
    if part.is_empty() { metric.clone() } else { format!("{metric}.{part}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use isoscope_plugin_host::OutRow;

    fn report(value: Option<f64>, status: &str, n: u64) -> Report {
        let (metric, part) = ("gap".to_owned(), "std".to_owned());
        let row = OutRow { metric, part, value, status: status.to_owned(), std_err: None, n };
        let mut report = Report::default();
        report.add(Collected { rows: vec![row], series: Vec::new() });
        report
    }

    fn said(judged: Result<(), Breach>) -> String {
        match judged {
            Ok(()) => String::new(),
            Err(Breach::Broken(detail)) => detail,
            Err(other) => format!("{other:?}"),
        }
    }

    #[test]
    fn values_agree_up_to_rounding_and_bits_do_not() {
        let (one, near) = (report(Some(2.0), "ok", 3), report(Some(2.0 + 1e-12), "ok", 3));
        assert_eq!(said(one.same(&near, TOLERANCE, "cut")), "");
        assert!(said(one.identical(&near, "again")).contains("gap.std: 2 became 2.000000000001"));
        let negative_zero = report(Some(-0.0), "ok", 3);
        assert!(said(report(Some(0.0), "ok", 3).identical(&negative_zero, "again")).contains("bits"));
    }

    #[test]
    fn another_value_status_count_or_key_is_told() {
        let one = report(Some(2.0), "ok", 3);
        let differs = |other: &Report| said(one.same(other, TOLERANCE, "when cut"));
        assert_eq!(differs(&report(Some(2.5), "ok", 3)), "gap.std: 2 became 2.5, when cut");
        assert_eq!(differs(&report(None, "no rows", 3)), "gap.std: \"ok\" became \"no rows\", when cut");
        assert_eq!(differs(&report(Some(2.0), "ok", 4)), "gap.std: 3 observations became 4, when cut");
        assert!(differs(&Report::default()).contains("reported or not"));
    }

    #[test]
    fn a_nan_of_the_plugin_is_refused_and_a_reason_is_not() {
        assert!(said(report(None, NOT_FINITE, 0).refuse_nonfinite()).contains("gap.std is a NaN"));
        assert_eq!(said(report(None, "fewer than 2 rows", 0).refuse_nonfinite()), "");
    }
}
