//! Measurements of one dataset, laid out as layer × space against metric and model.

use super::Shown;
use super::block::{Block, Group, Label};
use super::cell::Cell;
use super::marks::Marks;
use super::metric::{Metric, Section, distinct, errors, listed, metrics, reasons};
use isoscope_core::result::Measurement;
use std::collections::BTreeMap;

/// Most metrics side by side.
const MOST_METRICS: usize = 6;

/// Lays out the measurements of one dataset, or nothing when there is no scalar among them. Models and spaces come in the order
/// given, others after them.
pub(super) fn grid(rows: &[&Measurement], shown: &Shown<'_>) -> Option<Section> {
    let clouds: Vec<&Measurement> =
        rows.iter().copied().filter(|row| row.key.other.is_empty() && row.key.by.is_empty()).collect();
    let metrics = metrics(&clouds);
    let scalars: Vec<&Measurement> = metrics.iter().flat_map(|metric| metric.rows.iter().copied()).collect();
    let first = scalars.first()?;
    let marks = Marks::of(shown.differences, &first.key.dataset);
    let models = listed(shown.models, &scalars, |row| &row.key.model);
    let spaces = listed(shown.spaces, &scalars, |row| &row.key.space);
    let places = places(&scalars, &spaces);
    let group = |metric: &Metric<'_>| {
        let column =
            |model: &&str| ((*model).to_owned(), column(model, &places, metric, &marks, shown.errors));
        Group { head: metric.head.clone(), columns: models.iter().map(column).collect() }
    };
    let layers = places.iter().map(|(layer, _)| layer.to_string()).collect();
    let labels = vec![
        Label { name: "layer".to_owned(), texts: layers, right: true },
        Label {
            name: "space".to_owned(),
            texts: places.iter().map(|(_, space)| (*space).to_owned()).collect(),
            right: false,
        },
    ];
    let groups = metrics.iter().map(group).collect();
    let mut notes = reasons(&metrics);
    notes.extend(errors(&metrics, shown.errors));
    notes.extend(marks.notes(&metrics));
    Some(Section { blocks: vec![Block { title: String::new(), labels, groups, most: MOST_METRICS }], notes })
}

/// Layer and space of each row of the grid, by layer and then by place in `spaces`.
fn places<'a>(rows: &[&'a Measurement], spaces: &[&str]) -> Vec<(u32, &'a str)> {
    let mut places = distinct(rows.iter().map(|row| (row.key.layer, row.key.space.as_str())));
    places.sort_by_key(|&(layer, space)| (layer, spaces.iter().position(|&known| known == space)));
    places
}

/// Writes the cells of one model.
fn column(
    model: &str,
    places: &[(u32, &str)],
    metric: &Metric<'_>,
    marks: &Marks<'_>,
    errors: bool,
) -> Vec<Cell> {
    let of_model = metric.rows.iter().filter(|row| row.key.model == model);
    let cells: BTreeMap<(u32, &str), &Measurement> =
        of_model.map(|&row| ((row.key.layer, row.key.space.as_str()), row)).collect();
    let written = |row: &&Measurement| Cell::of(row, metric.heading, errors, marks.has(row));
    places.iter().map(|place| cells.get(place).map(written).unwrap_or_default()).collect()
}
