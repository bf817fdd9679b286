//! Comparisons of two encoders, or of two matrices: a table for each pair.

use super::Shown;
use super::block::{Block, Group, Label};
use super::cell::Cell;
use super::metric::{Metric, Section, distinct, errors, metrics, reasons};
use isoscope_core::result::Measurement;

/// Most metrics side by side.
const MOST_METRICS: usize = 8;

/// Lays out the comparisons of one dataset, pair by pair: layers against metrics where each layer meets its like, else one matrix of
/// layers a metric.
pub(super) fn comparisons(rows: &[&Measurement], shown: &Shown<'_>) -> Vec<Section> {
    let pairs = distinct(rows.iter().filter(|row| !row.key.other.is_empty()).map(|row| sides(row)));
    pairs.into_iter().filter_map(|pair| section(rows, pair, shown.errors)).collect()
}

/// Names of the two sides; a matrix bears that of its dataset.
fn sides(row: &Measurement) -> (&str, &str) {
    let left = if row.key.model.is_empty() { &row.key.dataset } else { &row.key.model };
    (left, &row.key.other)
}

fn section(rows: &[&Measurement], pair: (&str, &str), with_errors: bool) -> Option<Section> {
    let of_pair: Vec<&Measurement> =
        rows.iter().copied().filter(|row| !row.key.other.is_empty() && sides(row) == pair).collect();
    let metrics = metrics(&of_pair);
    let crossed = |metric: &&Metric<'_>| metric.rows.iter().any(|row| row.key.layer != row.key.other_layer);
    let (matrices, alike): (Vec<&Metric<'_>>, Vec<&Metric<'_>>) = metrics.iter().partition(crossed);
    let mut blocks = Vec::new();
    if !alike.is_empty() {
        blocks.push(by_layer(&alike, pair, with_errors));
    }
    blocks.extend(matrices.into_iter().map(|metric| matrix(metric, pair, with_errors)));
    let mut notes = reasons(&metrics);
    notes.extend(errors(&metrics, with_errors));
    (!blocks.is_empty()).then_some(Section { blocks, notes })
}

/// Layers against metrics.
fn by_layer(metrics: &[&Metric<'_>], (left, right): (&str, &str), errors: bool) -> Block {
    let mut layers = distinct(metrics.iter().flat_map(|metric| metric.rows.iter().map(|row| row.key.layer)));
    layers.sort_unstable();
    let group = |metric: &&Metric<'_>| {
        let cell = |layer: &u32| {
            let row = metric.rows.iter().find(|row| row.key.layer == *layer);
            row.map(|row| Cell::of(row, metric.heading, errors, false)).unwrap_or_default()
        };
        Group { head: String::new(), columns: vec![(metric.head.clone(), layers.iter().map(cell).collect())] }
    };
    Block {
        title: format!("{left} against {right}"),
        labels: vec![label(&layers)],
        groups: metrics.iter().map(group).collect(),
        most: MOST_METRICS,
    }
}

/// Layers against layers of the other side.
fn matrix(metric: &Metric<'_>, (left, right): (&str, &str), errors: bool) -> Block {
    let mut layers = distinct(metric.rows.iter().map(|row| row.key.layer));
    let mut others = distinct(metric.rows.iter().map(|row| row.key.other_layer));
    layers.sort_unstable();
    others.sort_unstable();
    let group = |&other: &u32| {
        let cell = |&layer: &u32| {
            let row = metric.rows.iter().find(|row| (row.key.layer, row.key.other_layer) == (layer, other));
            row.map(|row| Cell::of(row, metric.heading, errors, false)).unwrap_or_default()
        };
        Group { head: String::new(), columns: vec![(other.to_string(), layers.iter().map(cell).collect())] }
    };
    Block {
        title: format!("{}: layers of {left} below, of {right} across", metric.head),
        labels: vec![label(&layers)],
        groups: others.iter().map(group).collect(),
        most: usize::MAX,
    }
}

fn label(layers: &[u32]) -> Label {
    Label { name: "layer".to_owned(), texts: layers.iter().map(u32::to_string).collect(), right: true }
}
