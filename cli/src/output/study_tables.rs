//! The tables that a study asks for, in Markdown: for the terminal and for a page.

use super::cell::{Cell, NULL};
use super::heading::Heading;
use super::marks::Marks;
use super::metric::{distinct, errors, metrics};
use super::{Shown, Style};
use comfy_table::{CellAlignment, Table, presets};
use isoscope_core::result::Measurement;
use isoscope_core::study::{Layers, TableRows, TableSpec};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Draws the tables of a study below each other. A value that differs from the baseline encoder's is marked, as in any other table,
/// and is followed by its standard error where errors are wanted; `–` is a value that could not be had, with its reason below the table.
#[must_use]
pub(crate) fn study_tables(specs: &[TableSpec], shown: &Shown<'_>, style: Style) -> String {
    let datasets = distinct(shown.measurements.iter().map(|row| row.key.dataset.as_str()));
    let marks: Vec<Marks<'_>> =
        datasets.iter().map(|dataset| Marks::of(shown.differences, dataset)).collect();
    let mut parts = Vec::new();
    for spec in specs {
        for (dataset, marks) in datasets.iter().zip(&marks) {
            let of_dataset = shown.measurements.iter().filter(|row| row.key.dataset == *dataset);
            let chosen = Chosen::new(spec, of_dataset, shown.models, shown.spaces);
            if !chosen.cells.is_empty() {
                let of = if datasets.len() > 1 { format!(" ({dataset})") } else { String::new() };
                let drawn = Drawing { spec, marks, errors: shown.errors, style }.draw(&chosen);
                parts.push(format!("### {}{of}\n\n{drawn}", spec.title));
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
}

/// How the values of a table are drawn.
struct Drawing<'a> {
    spec: &'a TableSpec,
    marks: &'a Marks<'a>,
    errors: bool,
    style: Style,
}

impl Drawing<'_> {
    fn draw(&self, chosen: &Chosen<'_>) -> String {
        let rows: BTreeSet<&Row> = chosen.cells.keys().map(|(row, _)| row).collect();
        let columns: BTreeSet<&Column> = chosen.cells.keys().map(|(_, column)| column).collect();
        let spaces: BTreeSet<&str> = chosen.cells.values().map(|row| row.key.space.as_str()).collect();
        let mut table = Table::new();
        table.load_style(presets::ASCII_MARKDOWN);
        let head = match self.spec.rows {
            TableRows::Space => "space",
            TableRows::Layer => "layer",
            TableRows::Metric => "value",
        };
        let heads = columns.iter().map(|(_, metric, model)| {
            let model = chosen.models.get(*model).copied().unwrap_or_default();
            format!("{} {model}", name_of(metric)).trim().to_owned()
        });
        table.set_header(std::iter::once(head.to_owned()).chain(heads));
        for row in rows {
            let mut line = vec![comfy_table::Cell::new(self.label(row, chosen, spaces.len() > 1))];
            for column in &columns {
                let value = chosen.cells.get(&(row.clone(), (*column).clone()));
                let text = value.map(|value| self.write(value)).unwrap_or_default();
                line.push(comfy_table::Cell::new(text).set_alignment(CellAlignment::Right));
            }
            table.add_row(line);
        }
        let mut text = format!("{table}\n");
        for note in self.notes(chosen) {
            let _ = writeln!(text, "\n{note}");
        }
        text
    }

    fn label(&self, row: &Row, chosen: &Chosen<'_>, several_spaces: bool) -> String {
        let (layer, space, _, metric) = row;
        let space = chosen.spaces.get(*space).copied().unwrap_or_default();
        match self.spec.rows {
            TableRows::Space => space.to_owned(),
            TableRows::Layer if several_spaces => format!("{layer} {space}"),
            TableRows::Layer => layer.to_string(),
            TableRows::Metric if several_spaces => format!("{} {space}", name_of(metric)),
            TableRows::Metric => name_of(metric),
        }
    }

    fn write(&self, row: &Measurement) -> String {
        let cell = Cell::of(row, Heading::of(&row.key.metric).1, self.errors, self.marks.has(row));
        match (cell.marked, self.style) {
            (true, Style::Markdown) => format!("{}\\*", cell.text),
            (true, _) => format!("{}*", cell.text),
            (false, _) => cell.text,
        }
    }

    /// What the marks and errors are, why values are missing, and what the study says itself.
    fn notes(&self, chosen: &Chosen<'_>) -> Vec<String> {
        let shown: Vec<&Measurement> = chosen.cells.values().copied().collect();
        let mut reasons = BTreeMap::<&str, BTreeSet<String>>::new();
        for row in shown.iter().filter(|row| row.value.is_none()) {
            reasons.entry(row.status.as_str()).or_default().insert(name_of(&name(row)));
        }
        let list = |names: BTreeSet<String>| names.into_iter().collect::<Vec<_>>().join(", ");
        let reason = |(reason, names)| format!("{NULL} {reason} ({})", list(names));
        let mut notes: Vec<String> = reasons.into_iter().map(reason).collect();
        let scalars = metrics(&shown);
        notes.extend(self.marks.notes(&scalars));
        notes.extend(errors(&scalars, self.errors));
        if self.style == Style::Markdown {
            for note in &mut notes {
                *note = super::markdown::escaped(note);
            }
        }
        notes.extend((!self.spec.note.is_empty()).then(|| self.spec.note.trim().to_owned()));
        notes
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
fn name_of(name: &str) -> String {
    match name.split_once('#') {
        Some((id, part)) => format!("{} {part}", Heading::of(id).1.name(id)),
        None => Heading::of(name).1.name(name).to_owned(),
    }
}
