//! The table for the terminal.

use super::grid::{Grid, Group, NULL, distinct};
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, presets};
use isoscope_core::result::Measurement;
use std::collections::BTreeSet;

/// Widest table, in characters, before the metrics go on in a further one.
const WIDEST: usize = 110;
/// Most metrics side by side.
const MOST_METRICS: usize = 6;
/// Characters between two columns.
const GAP: usize = 2;

/// Draws the scalar metrics as a table: a row for each layer and space, a block of columns for each metric, in it a column
/// for each model.
///
/// Models and spaces come in the order given. Metrics that do not fit beside each other go on below; each dataset has its
/// own table. A value that could not be had is `–`, and the reasons follow; what was not measured is left empty. The text
/// holds no colours. Vectors and object-valued metrics are not shown. Empty when there is nothing to show;
/// without a line feed at the end.
#[must_use]
pub(crate) fn table(rows: &[Measurement], models: &[String], spaces: &[String]) -> String {
    let datasets = distinct(rows.iter().map(|row| row.key.dataset.as_str()));
    let mut parts = Vec::new();
    for dataset in &datasets {
        let of_dataset: Vec<&Measurement> = rows.iter().filter(|row| row.key.dataset == *dataset).collect();
        let grid = Grid::new(&of_dataset, models, spaces);
        if grid.groups.is_empty() {
            continue;
        }
        let title = if datasets.len() > 1 { format!("{dataset}\n") } else { String::new() };
        parts.push(title + &draw(&grid));
    }
    let mut text = parts.join("\n");
    text.truncate(text.trim_end().len());
    text
}

fn draw(grid: &Grid) -> String {
    let labels = Labels::of(grid);
    let blocks: Vec<String> = blocks(grid, labels.width()).iter().map(|block| labels.draw(block)).collect();
    let note = |(reason, heads): (&String, &BTreeSet<String>)| {
        let heads: Vec<&str> = heads.iter().map(String::as_str).collect();
        format!("{NULL} {reason} ({})\n", heads.join(", "))
    };
    let notes: Vec<String> = grid.reasons.iter().map(note).collect();
    blocks.join("\n") + &notes.concat()
}

/// Splits the metrics into blocks that are narrow enough.
fn blocks(grid: &Grid, labels: usize) -> Vec<&[Group]> {
    let mut blocks = Vec::new();
    let (mut from, mut width) = (0, labels);
    for (i, group) in grid.groups.iter().enumerate() {
        let more = GAP + span(&widths(group));
        if i > from && (i - from == MOST_METRICS || width + more > WIDEST) {
            blocks.push(&grid.groups[from..i]);
            (from, width) = (i, labels);
        }
        width += more;
    }
    blocks.push(&grid.groups[from..]);
    blocks
}

/// Widths of the columns of a metric. The first takes up what the head needs beyond them.
fn widths(group: &Group) -> Vec<usize> {
    let widest = |(model, cells): &(String, Vec<String>)| {
        cells.iter().chain([model]).map(|text| text.chars().count()).max().unwrap_or(0)
    };
    let mut widths: Vec<usize> = group.columns.iter().map(widest).collect();
    let lacking = group.head.chars().count().saturating_sub(span(&widths));
    if let Some(first) = widths.first_mut() {
        *first += lacking;
    }
    widths
}

fn span(widths: &[usize]) -> usize {
    widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1)
}

/// The columns that say what a row is.
struct Labels {
    layers: Vec<String>,
    spaces: Vec<String>,
}

impl Labels {
    fn of(grid: &Grid) -> Self {
        let layers =
            ["layer".to_owned()].into_iter().chain(grid.rows.iter().map(|(layer, _)| layer.to_string()));
        let spaces = ["space".to_owned()].into_iter().chain(grid.rows.iter().map(|(_, space)| space.clone()));
        Self { layers: layers.collect(), spaces: spaces.collect() }
    }

    fn width(&self) -> usize {
        let widest = |texts: &[String]| texts.iter().map(|text| text.chars().count()).max().unwrap_or(0);
        widest(&self.layers) + GAP + widest(&self.spaces)
    }

    /// Draws one block of metrics: a line of heads, a line of models, the rows.
    fn draw(&self, groups: &[Group]) -> String {
        let head = |group: &Group| format!("{:>width$}", group.head, width = GAP + span(&widths(group)));
        let heads: Vec<String> = groups.iter().map(head).collect();
        let heads = " ".repeat(self.width()) + &heads.concat();
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        for i in 0..self.layers.len() {
            let mut row = vec![right(&self.layers[i]), Cell::new(&self.spaces[i])];
            for group in groups {
                for ((model, cells), width) in group.columns.iter().zip(widths(group)) {
                    row.push(if i == 0 { right(&format!("{model:>width$}")) } else { right(&cells[i - 1]) });
                }
            }
            table.add_row(row);
        }
        let last = table.column_count().saturating_sub(1);
        for (i, column) in table.column_iter_mut().enumerate() {
            column.set_padding((0, if i == last { 0 } else { GAP as u16 }));
        }
        format!("{}\n{}\n", heads.trim_end(), table.trim_fmt())
    }
}

fn right(text: &str) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}
