//! Measurements of one dataset, laid out as layer × space against metric and model.

use super::heading::Heading;
use isoscope_core::result::Measurement;
use std::collections::{BTreeMap, BTreeSet};

/// Shown where a value could not be had. A cell of something never measured is empty instead.
pub(super) const NULL: &str = "–";

/// One metric and the texts of its cells.
pub(super) struct Group {
    /// What stands above it.
    pub(super) head: String,
    /// One column for each model: its name, and a cell for each row of the grid.
    pub(super) columns: Vec<(String, Vec<String>)>,
}

/// The scalar metrics of one dataset.
pub(super) struct Grid {
    /// Layer and space of each row.
    pub(super) rows: Vec<(u32, String)>,
    /// The metrics, in the order in which they are shown.
    pub(super) groups: Vec<Group>,
    /// Each reason for a null, with the metrics that it befell.
    pub(super) reasons: BTreeMap<String, BTreeSet<String>>,
}

/// Id and parameters: a study may measure one metric with several parameters.
type Metric<'a> = (&'a str, &'a str);

impl Grid {
    /// Lays out the measurements of one dataset. Models and spaces come in the order given, others after them.
    pub(super) fn new(measured: &[&Measurement], models: &[String], spaces: &[String]) -> Self {
        let objects: BTreeSet<Metric<'_>> =
            measured.iter().filter(|row| !row.part.is_empty()).map(|row| metric(row)).collect();
        let scalars: Vec<&Measurement> =
            measured.iter().copied().filter(|row| !objects.contains(&metric(row))).collect();
        let models = distinct(listed(models, &scalars, |row| &row.key.model));
        let spaces = distinct(listed(spaces, &scalars, |row| &row.key.space));
        let rows: Vec<(u32, &str)> = distinct_rows(&scalars, &spaces);
        let mut metrics = distinct(scalars.iter().map(|row| metric(row)));
        metrics.sort_by_key(|(id, _)| Heading::of(id).0);

        let mut reasons = BTreeMap::<String, BTreeSet<String>>::new();
        let mut groups = Vec::new();
        for &(id, params) in &metrics {
            let heading = Heading::of(id).1;
            let ambiguous = metrics.iter().filter(|(other, _)| *other == id).count() > 1;
            let name = heading.name(id);
            let head = if ambiguous { format!("{name} {params}") } else { name.to_owned() };
            let of_metric: Vec<&Measurement> =
                scalars.iter().copied().filter(|row| metric(row) == (id, params)).collect();
            for row in of_metric.iter().filter(|row| row.value.is_none()) {
                reasons.entry(row.status.clone()).or_default().insert(head.clone());
            }
            let columns = models.iter().map(|&model| column(model, &rows, &of_metric, heading)).collect();
            groups.push(Group { head, columns });
        }
        let rows = rows.into_iter().map(|(layer, space)| (layer, space.to_owned())).collect();
        Self { rows, groups, reasons }
    }
}

/// Drops what has been seen before.
pub(super) fn distinct<T: Ord + Copy>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut seen = BTreeSet::new();
    items.filter(|item| seen.insert(*item)).collect()
}

fn metric(row: &Measurement) -> Metric<'_> {
    (&row.key.metric, &row.key.params)
}

/// Names that occur in the rows: first those of `order`, then all.
fn listed<'a>(
    order: &'a [String],
    rows: &'a [&'a Measurement],
    name: fn(&Measurement) -> &String,
) -> impl Iterator<Item = &'a str> {
    let occurs = move |wanted: &&String| rows.iter().any(|row| name(row) == *wanted);
    order.iter().filter(occurs).chain(rows.iter().map(move |row| name(row))).map(String::as_str)
}

/// Layer and space of each row of the grid, by layer and then by place in `spaces`.
fn distinct_rows<'a>(rows: &[&'a Measurement], spaces: &[&str]) -> Vec<(u32, &'a str)> {
    let mut rows = distinct(rows.iter().map(|row| (row.key.layer, row.key.space.as_str())));
    rows.sort_by_key(|&(layer, space)| (layer, spaces.iter().position(|&known| known == space)));
    rows
}

/// Writes the cells of one model.
fn column(
    model: &str,
    rows: &[(u32, &str)],
    measured: &[&Measurement],
    heading: Heading,
) -> (String, Vec<String>) {
    let cells: BTreeMap<(u32, &str), &Measurement> = measured
        .iter()
        .filter(|row| row.key.model == model)
        .map(|&row| ((row.key.layer, row.key.space.as_str()), row))
        .collect();
    let written =
        |row: &&Measurement| row.value.map_or_else(|| NULL.to_owned(), |value| heading.write(value));
    (model.to_owned(), rows.iter().map(|row| cells.get(row).map(written).unwrap_or_default()).collect())
}
