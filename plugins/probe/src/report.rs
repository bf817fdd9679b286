//! What a trained softmax probe reports.

use isoscope_plugin_sdk::prelude::*;

use crate::training::{Probe, ProbeState};

/// The outputs of one probe, by their full ids.
pub(crate) struct Ids {
    pub(crate) train_accuracy: &'static str,
    pub(crate) test_accuracy: &'static str,
    pub(crate) test_ce_bits: &'static str,
    pub(crate) classes: &'static str,
    pub(crate) train_rows: &'static str,
    pub(crate) test_rows: &'static str,
    pub(crate) unseen_test_rows: &'static str,
}

/// What a probe scores; an absent score has its reason.
pub(crate) struct Reported {
    pub(crate) train_accuracy: Result<f64, String>,
    pub(crate) test_accuracy: Result<f64, String>,
    pub(crate) test_ce_bits: Result<f64, String>,
}

impl Reported {
    fn nothing(reason: &str) -> Self {
        let absent = || Err(reason.to_owned());
        Self { train_accuracy: absent(), test_accuracy: absent(), test_ce_bits: absent() }
    }
}

/// Writes a value or the reason for its absence.
///
/// # Errors
/// Passes on what the host answers to a result.
pub(crate) fn write(id: &str, value: &Result<f64, String>, out: &mut Out<'_>) -> Result<()> {
    match value {
        Ok(value) => out.value(id, *value),
        Err(reason) => out.null(id, reason),
    }
}

/// Writes a share of `n` rows with its standard error, for which the rows are independent.
///
/// # Errors
/// As [`write`].
pub(crate) fn write_share(id: &str, share: &Result<f64, String>, n: u64, out: &mut Out<'_>) -> Result<()> {
    match share {
        Ok(share) if n > 1 => {
            out.value_with_error(id, *share, (share * (1.0 - share) / (n - 1) as f64).sqrt())
        }
        _ => write(id, share, out),
    }
}

/// Computes accuracies and the cross-entropy on the test rows.
pub(crate) fn judged(probe: &Probe) -> Reported {
    let classes = &probe.classes;
    let (rows, known) = (classes.test_rows(), classes.known_test_rows());
    match &probe.state {
        ProbeState::Failed(reason) => Reported::nothing(reason),
        ProbeState::Training(_) => Reported::nothing("training did not come to its end"),
        ProbeState::Trained(train, test) => Reported {
            train_accuracy: Ok(train.correct as f64 / classes.train_rows() as f64),
            test_accuracy: match rows {
                0 => Err(NO_TEST_ROWS.to_owned()),
                _ => Ok(test.correct as f64 / rows as f64),
            },
            test_ce_bits: match known {
                0 if rows == 0 => Err(NO_TEST_ROWS.to_owned()),
                0 => Err(ALL_UNSEEN.to_owned()),
                _ => Ok(test.loss / known as f64 / core::f64::consts::LN_2),
            },
        },
    }
}

/// Why there is nothing to judge a probe by.
pub(crate) const NO_TEST_ROWS: &str = "no test row has a label";

/// Why there is no cross-entropy though there are test rows.
pub(crate) const ALL_UNSEEN: &str = "no test row has a label that a training row has";

/// Writes the outputs of one probe, and answers those that others are made of.
///
/// # Errors
/// As [`write`].
pub(crate) fn report(probe: &Probe, ids: &Ids, out: &mut Out<'_>) -> Result<Reported> {
    let (classes, judged) = (&probe.classes, judged(probe));
    counts(probe, ids, out)?;
    out.set_n(classes.train_rows());
    write(ids.train_accuracy, &judged.train_accuracy, out)?;
    out.set_n(classes.test_rows());
    write_share(ids.test_accuracy, &judged.test_accuracy, classes.test_rows(), out)?;
    out.set_n(classes.known_test_rows());
    write(ids.test_ce_bits, &judged.test_ce_bits, out)?;
    Ok(judged)
}

/// Writes the numbers of classes and rows of a probe.
///
/// # Errors
/// As [`write`].
pub(crate) fn counts(probe: &Probe, ids: &Ids, out: &mut Out<'_>) -> Result<()> {
    let classes = &probe.classes;
    out.set_n(classes.train_rows());
    out.value(ids.classes, classes.names.len() as f64)?;
    out.value(ids.train_rows, classes.train_rows() as f64)?;
    out.set_n(classes.test_rows());
    out.value(ids.test_rows, classes.test_rows() as f64)?;
    out.value(ids.unseen_test_rows, classes.unseen as f64)
}
