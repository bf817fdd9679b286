//! The tables that a study asks for, in Markdown: for the terminal, for a page, and for a paper.

use super::cell::NULL;
use super::heading::Heading;
use super::metric::distinct;
use comfy_table::{Cell, CellAlignment, Table, presets};
use isoscope_core::result::Measurement;
use isoscope_core::study::{Layers, TableRows, TableSpec};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Draws the tables of a study below each other. A value is followed by its standard error where it has one; `–` is a value that could
/// not be had, with its reason below the table.
#[must_use]
pub(crate) fn study_tables(
    specs: &[TableSpec],
    rows: &[Measurement],
    models: &[String],
    spaces: &[String],
) -> String {
    let datasets = distinct(rows.iter().map(|row| row.key.dataset.as_str()));
    let mut parts = Vec::new();
    for spec in specs {
        for dataset in &datasets {
            let of_dataset = rows.iter().filter(|row| row.key.dataset == *dataset);
            let chosen = Chosen::new(spec, of_dataset, models, spaces);
            if !chosen.cells.is_empty() {
                let of = if datasets.len() > 1 { format!(" ({dataset})") } else { String::new() };
                parts.push(format!("### {}{of}\n\n{}", spec.title, chosen.draw(spec)));
            }
        }
    }
    parts.join("\n")
}

/// A value's place down the table: place among the layers, the spaces and the metrics asked for, as far as they are rows.
type Row = (u32, usize, usize, String);
/// A value's place across the table: metric and model.
type Column = (usize, String, usize);

/// The values that a table shows.
struct Chosen<'a> {
    cells: BTreeMap<(Row, Column), &'a Measurement>,
    models: Vec<&'a str>,
    spaces: Vec<&'a str>,
}

impl<'a> Chosen<'a> {
    fn new(
        spec: &'a TableSpec,
        rows: impl Iterator<Item = &'a Measurement>,
        models: &'a [String],
        spaces: &'a [String],
    ) -> Self {
        let alone = |row: &&Measurement| row.key.by.is_empty() && row.key.other.is_empty();
        let rows: Vec<&Measurement> = rows.filter(alone).collect();
        let named = |given: &'a [String], name: fn(&Measurement) -> &String| {
            let found = rows.iter().map(|row| name(row).as_str());
            distinct(given.iter().map(String::as_str).chain(found))
        };
        let models = named(models, |row| &row.key.model);
        let spaces = match &spec.spaces {
            Some(spaces) => spaces.iter().map(String::as_str).collect(),
            None => named(spaces, |row| &row.key.space),
        };
        let mut chosen = Self { cells: BTreeMap::new(), models, spaces };
        let last: BTreeMap<&str, u32> = rows.iter().fold(BTreeMap::new(), |mut last, row| {
            let layer = last.entry(row.key.model.as_str()).or_insert(0);
            *layer = row.key.layer.max(*layer);
            last
        });
        for row in rows {
            let wanted = match &spec.layers {
                None | Some(Layers::All) => true,
                Some(Layers::Last) => last.get(row.key.model.as_str()) == Some(&row.key.layer),
                Some(Layers::Some(layers)) => layers.contains(&row.key.layer),
            };
            if let Some(place) = chosen.place(spec, row).filter(|_| wanted) {
                chosen.cells.insert(place, row);
            }
        }
        chosen
    }

    fn place(&self, spec: &TableSpec, row: &Measurement) -> Option<(Row, Column)> {
        let metric = spec.metrics.iter().position(|wanted| matches(wanted, row))?;
        let space = self.spaces.iter().position(|space| *space == row.key.space)?;
        let model = self.models.iter().position(|model| *model == row.key.model)?;
        let name = name(row);
        Some(match spec.rows {
            TableRows::Space => ((0, space, 0, String::new()), (metric, name, model)),
            TableRows::Layer => ((row.key.layer, space, 0, String::new()), (metric, name, model)),
            TableRows::Metric => ((0, space, metric, name), (0, String::new(), model)),
        })
    }

    fn draw(&self, spec: &TableSpec) -> String {
        let rows: BTreeSet<&Row> = self.cells.keys().map(|(row, _)| row).collect();
        let columns: BTreeSet<&Column> = self.cells.keys().map(|(_, column)| column).collect();
        let several_spaces = self.cells.values().map(|row| &row.key.space).collect::<BTreeSet<_>>().len() > 1;
        let mut table = Table::new();
        table.load_style(presets::ASCII_MARKDOWN);
        let mut head = vec![match spec.rows {
            TableRows::Space => "space".to_owned(),
            TableRows::Layer => "layer".to_owned(),
            TableRows::Metric => "value".to_owned(),
        }];
        head.extend(columns.iter().map(|(_, metric, model)| {
            let model = self.models.get(*model).copied().unwrap_or_default();
            format!("{} {model}", shown(metric)).trim().to_owned()
        }));
        table.set_header(head);
        let mut reasons: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for row in rows {
            let (layer, space, _, metric) = row;
            let space = self.spaces.get(*space).copied().unwrap_or_default();
            let label = match spec.rows {
                TableRows::Space => space.to_owned(),
                TableRows::Layer if several_spaces => format!("{layer} {space}"),
                TableRows::Layer => layer.to_string(),
                TableRows::Metric if several_spaces => format!("{} {space}", shown(metric)),
                TableRows::Metric => shown(metric),
            };
            let mut line = vec![Cell::new(label)];
            for column in &columns {
                let cell = self.cells.get(&(row.clone(), (*column).clone()));
                if let Some(cell) = cell.filter(|cell| cell.value.is_none()) {
                    reasons.entry(cell.status.as_str()).or_default().insert(cell.key.metric.as_str());
                }
                let text = cell.map(|cell| write(cell)).unwrap_or_default();
                line.push(Cell::new(text).set_alignment(CellAlignment::Right));
            }
            table.add_row(line);
        }
        let mut text = format!("{table}\n");
        for (reason, metrics) in reasons {
            let metrics: Vec<&str> = metrics.into_iter().collect();
            let _ = writeln!(text, "\n{NULL} {reason} ({})", metrics.join(", "));
        }
        if !spec.note.is_empty() {
            let _ = writeln!(text, "\n{}", spec.note.trim());
        }
        text
    }
}

/// Tells whether a table's `ID`, `ID#PART` or `START*` means this value.
fn matches(wanted: &str, row: &Measurement) -> bool {
    match (wanted.split_once('#'), wanted.strip_suffix('*')) {
        (Some((id, part)), _) => row.key.metric == id && row.part == part,
        (None, Some(start)) => row.key.metric.starts_with(start),
        (None, None) => row.key.metric == wanted,
    }
}

/// `ID` or `ID#PART`.
fn name(row: &Measurement) -> String {
    if row.part.is_empty() { row.key.metric.clone() } else { format!("{}#{}", row.key.metric, row.part) }
}

/// The name that a person reads.
fn shown(name: &str) -> String {
    match name.split_once('#') {
        Some((id, part)) => format!("{} {part}", Heading::of(id).1.name(id)),
        None => Heading::of(name).1.name(name).to_owned(),
    }
}

fn write(row: &Measurement) -> String {
    let heading = Heading::of(&row.key.metric).1;
    match (row.value, row.std_err) {
        (Some(value), Some(error)) => format!("{} ± {}", heading.write(value), heading.write_error(error)),
        (Some(value), None) => heading.write(value),
        (None, _) => NULL.to_owned(),
    }
}
