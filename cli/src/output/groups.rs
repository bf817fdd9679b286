//! Metrics group by group: groups against layers, for each metric, space and encoder.

use super::Shown;
use super::block::{Block, Group, Label};
use super::cell::Cell;
use super::metric::{Metric, Section, distinct, errors, listed, metrics, reasons};
use isoscope_core::result::Measurement;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Most groups that are shown.
const MOST_GROUPS: usize = 20;
/// Most characters of a key that are shown.
const LONGEST_KEY: usize = 24;
/// Most layers in one group of columns, which are not torn apart.
const MOST_LAYERS: usize = 8;

/// Lays out the groups of one dataset, a table for each column that parts its rows.
pub(super) fn groups(rows: &[&Measurement], shown: &Shown<'_>) -> Vec<Section> {
    let columns = distinct(rows.iter().map(|row| row.key.by.as_str()).filter(|by| !by.is_empty()));
    columns.into_iter().filter_map(|by| section(rows, by, shown)).collect()
}

fn section(rows: &[&Measurement], by: &str, shown: &Shown<'_>) -> Option<Section> {
    let grouped: Vec<&Measurement> = rows.iter().copied().filter(|row| row.key.by == by).collect();
    let metrics = metrics(&grouped);
    let scalars: Vec<&Measurement> = metrics.iter().flat_map(|metric| metric.rows.iter().copied()).collect();
    scalars.first()?;
    let sizes = largest(&scalars);
    let kept = &sizes[..sizes.len().min(MOST_GROUPS)];
    let models = listed(shown.models, &scalars, |row| &row.key.model);
    let spaces = listed(shown.spaces, &scalars, |row| &row.key.space);
    let mut columns = Vec::new();
    for metric in &metrics {
        for &space in &spaces {
            for &model in &models {
                let head = head(metric, (space, spaces.len() > 1), (model, models.len() > 1));
                columns.extend(layers(metric, &head, (space, model), kept, shown.errors));
            }
        }
    }
    let labels = vec![
        Label { name: by.to_owned(), texts: kept.iter().map(|(key, _)| cut(key)).collect(), right: false },
        Label { name: "n".to_owned(), texts: kept.iter().map(|(_, n)| n.to_string()).collect(), right: true },
    ];
    let mut notes = Vec::new();
    if sizes.len() > kept.len() {
        notes.push(format!("… and {} smaller groups, in measurements.parquet", sizes.len() - kept.len()));
    }
    notes.extend(reasons(&metrics));
    notes.extend(errors(&metrics, shown.errors));
    let title = format!("by {by}: metrics in columns of layers");
    Some(Section { blocks: vec![Block { title, labels, groups: columns, most: usize::MAX }], notes })
}

/// Groups and their rows, the largest first; of equal ones those with the smaller number as key.
fn largest<'a>(rows: &[&'a Measurement]) -> Vec<(&'a str, u64)> {
    let mut sizes = BTreeMap::<&str, u64>::new();
    for row in rows {
        let size = sizes.entry(&row.key.group).or_default();
        *size = (*size).max(row.n);
    }
    let mut sizes: Vec<(&str, u64)> = sizes.into_iter().collect();
    sizes.sort_by_key(|&(key, n)| (Reverse(n), key.parse().unwrap_or(i64::MAX)));
    sizes
}

/// `IsoScore zca pre`, without what is the same in all columns.
fn head(metric: &Metric<'_>, space: (&str, bool), model: (&str, bool)) -> String {
    let mut head = metric.head.clone();
    for (name, _) in [space, model].into_iter().filter(|(name, several)| *several && !name.is_empty()) {
        head = format!("{head} {name}");
    }
    head
}

/// The layers of one metric, space and encoder, in groups of columns that fit a terminal.
fn layers(
    metric: &Metric<'_>,
    head: &str,
    (space, model): (&str, &str),
    kept: &[(&str, u64)],
    errors: bool,
) -> Vec<Group> {
    let rows: Vec<&Measurement> =
        metric.rows.iter().copied().filter(|row| row.key.space == space && row.key.model == model).collect();
    let cells: BTreeMap<(u32, &str), &Measurement> =
        rows.iter().map(|&row| ((row.key.layer, row.key.group.as_str()), row)).collect();
    let mut layers = distinct(rows.iter().map(|row| row.key.layer));
    layers.sort_unstable();
    let column = |&layer: &u32| {
        let cell = |(key, _): &(&str, u64)| {
            let row = cells.get(&(layer, *key));
            row.map(|row| Cell::of(row, metric.heading, errors, false)).unwrap_or_default()
        };
        (layer.to_string(), kept.iter().map(cell).collect())
    };
    let group =
        |layers: &[u32]| Group { head: head.to_owned(), columns: layers.iter().map(column).collect() };
    layers.chunks(MOST_LAYERS).map(group).collect()
}

fn cut(key: &str) -> String {
    if key.chars().count() <= LONGEST_KEY {
        return key.to_owned();
    }
    key.chars().take(LONGEST_KEY - 1).chain(['…']).collect()
}
