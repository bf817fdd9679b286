//! The metrics of some rows: their heads, their order, and why some of their values are missing.

use super::block::Block;
use super::cell::NULL;
use super::heading::Heading;
use isoscope_core::result::Measurement;
use std::collections::{BTreeMap, BTreeSet};

/// Id and parameters: a study may measure one metric with several parameters.
type Identity<'a> = (&'a str, &'a str);

/// One scalar metric and its rows.
pub(super) struct Metric<'a> {
    /// What stands above it.
    pub(super) head: String,
    /// How its numbers are written.
    pub(super) heading: Heading,
    /// Its rows.
    pub(super) rows: Vec<&'a Measurement>,
}

fn identity(row: &Measurement) -> Identity<'_> {
    (&row.key.metric, &row.key.params)
}

/// Splits rows into scalar metrics, the known ones first. Object-valued metrics have no place in a table.
pub(super) fn metrics<'a>(rows: &[&'a Measurement]) -> Vec<Metric<'a>> {
    let objects: BTreeSet<Identity<'_>> =
        rows.iter().filter(|row| !row.part.is_empty()).map(|row| identity(row)).collect();
    let scalars: Vec<&'a Measurement> =
        rows.iter().copied().filter(|row| !objects.contains(&identity(row))).collect();
    let mut known = distinct(scalars.iter().map(|row| identity(row)));
    known.sort_by_key(|(id, _)| Heading::of(id).0);
    let metric = |&(id, params): &Identity<'a>| {
        let heading = Heading::of(id).1;
        let ambiguous = known.iter().filter(|(other, _)| *other == id).count() > 1;
        let name = heading.name(id);
        let head = if ambiguous { format!("{name} {params}") } else { name.to_owned() };
        let rows = scalars.iter().copied().filter(|row| identity(row) == (id, params)).collect();
        Metric { head, heading, rows }
    };
    known.iter().map(metric).collect()
}

/// Drops what has been seen before.
pub(super) fn distinct<T: Ord + Copy>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = BTreeSet::new();
    items.filter(|item| seen.insert(*item)).collect()
}

/// Names that occur in the rows: first those of `order`, then all.
pub(super) fn listed<'a>(
    order: &'a [String],
    rows: &[&'a Measurement],
    name: fn(&Measurement) -> &String,
) -> Vec<&'a str> {
    let occurs = |wanted: &&String| rows.iter().any(|row| name(row) == *wanted);
    distinct(order.iter().filter(occurs).chain(rows.iter().map(|row| name(row))).map(String::as_str))
}

/// A line for each reason for a null, with the metrics that it befell.
pub(super) fn reasons(metrics: &[Metric<'_>]) -> Vec<String> {
    let mut found = BTreeMap::<&str, BTreeSet<&str>>::new();
    for metric in metrics {
        for row in metric.rows.iter().filter(|row| row.value.is_none()) {
            found.entry(&row.status).or_default().insert(&metric.head);
        }
    }
    let line = |(reason, heads): (&str, BTreeSet<&str>)| {
        format!("{NULL} {reason} ({})", heads.into_iter().collect::<Vec<_>>().join(", "))
    };
    found.into_iter().map(line).collect()
}

/// A line that says what stands behind `±`, when errors are shown and there are any.
pub(super) fn errors(metrics: &[Metric<'_>], shown: bool) -> Option<String> {
    let rows = metrics.iter().flat_map(|metric| &metric.rows).filter(|row| row.std_err.is_some());
    let kinds = distinct(rows.map(|row| row.std_err_kind.as_str()));
    (shown && !kinds.is_empty()).then(|| format!("± standard error: {}", kinds.join("; ")))
}

/// Tables that belong together, and what is to be said below them.
pub(super) struct Section {
    /// The tables.
    pub(super) blocks: Vec<Block>,
    /// Lines below them.
    pub(super) notes: Vec<String>,
}
