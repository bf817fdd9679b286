//! Which values differ from the baseline encoder's, and by which test.

use super::metric::{Metric, distinct};
use isoscope_core::result::{Difference, DifferenceKind, Measurement};
use std::collections::{BTreeMap, BTreeSet};

/// Corrected p below which a difference is marked.
const LEVEL: f64 = 0.05;

/// What tells one value of a dataset from another.
type Place<'a> = (&'a str, u32, &'a str, &'a str, &'a str);

/// The differences between encoders on one dataset.
pub(super) struct Marks<'a> {
    differences: BTreeMap<Place<'a>, &'a Difference>,
}

impl<'a> Marks<'a> {
    /// Picks the differences of scalars between encoders.
    pub(super) fn of(differences: &'a [Difference], dataset: &str) -> Self {
        let wanted = differences.iter().filter(|row| {
            row.kind == DifferenceKind::Model
                && row.part.is_empty()
                && row.key.by.is_empty()
                && row.key.dataset == dataset
        });
        let place = |row: &'a Difference| {
            let key = &row.key;
            (key.model.as_str(), key.layer, key.space.as_str(), key.metric.as_str(), key.params.as_str())
        };
        Self { differences: wanted.map(|row| (place(row), row)).collect() }
    }

    /// Whether a value differs from the baseline's.
    pub(super) fn has(&self, row: &Measurement) -> bool {
        self.find(row).is_some_and(differs)
    }

    fn find(&self, row: &Measurement) -> Option<&'a Difference> {
        let key = &row.key;
        self.differences.get(&(&*key.model, key.layer, &*key.space, &*key.metric, &*key.params)).copied()
    }

    /// Says what the mark means, and which differences could not be tested.
    pub(super) fn notes(&self, metrics: &[Metric<'_>]) -> Vec<String> {
        let shown = || metrics.iter().flat_map(|metric| metric.rows.iter().map(move |row| (metric, *row)));
        let found: Vec<(&Metric<'_>, &Difference)> =
            shown().filter_map(|(metric, row)| Some((metric, self.find(row)?))).collect();
        let marked: Vec<&Difference> = found.iter().map(|(_, row)| *row).filter(|row| differs(row)).collect();
        let mut notes = Vec::new();
        if let Some(first) = marked.first() {
            let blocks = distinct(marked.iter().map(|row| row.blocks));
            let blocks: Vec<String> = blocks.iter().map(u32::to_string).collect();
            notes.push(format!(
                "* differs from {} at 95 %: paired jackknife over {} blocks, Holm's correction over all differences of a metric",
                first.baseline,
                blocks.join(" or "),
            ));
        }
        let mut untested = BTreeMap::<&str, BTreeSet<&str>>::new();
        for (metric, row) in found.iter().filter(|(_, row)| row.p_holm.is_none() && row.difference.is_some())
        {
            untested.entry(&row.status).or_default().insert(&metric.head);
        }
        notes.extend(untested.into_iter().map(|(reason, heads)| {
            format!("not tested: {reason} ({})", heads.into_iter().collect::<Vec<_>>().join(", "))
        }));
        notes
    }
}

fn differs(row: &Difference) -> bool {
    row.p_holm.is_some_and(|p| p < LEVEL)
}
