//! Labels of rows, and columns of cells in groups below a head: what every table of results is.

use super::cell::Cell;
use comfy_table::{Cell as Drawn, CellAlignment, ContentArrangement, Table, presets};

/// Widest table, in characters, before the columns go on in a further one.
const WIDEST: usize = 110;
/// Characters between two columns.
const GAP: usize = 2;

/// Columns that belong together, such as one metric of several encoders. They are never torn apart.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Group {
    /// What stands above them; empty when nothing does.
    pub(super) head: String,
    /// Name of each column, and a cell for each row.
    pub(super) columns: Vec<(String, Vec<Cell>)>,
}

/// A column that says what a row is.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Label {
    /// Its name.
    pub(super) name: String,
    /// A text for each row.
    pub(super) texts: Vec<String>,
    /// Whether it holds numbers, which stand at the right.
    pub(super) right: bool,
}

/// A table.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Block {
    /// A line above it; empty when there is none.
    pub(super) title: String,
    /// The columns that say what a row is.
    pub(super) labels: Vec<Label>,
    /// The columns of values.
    pub(super) groups: Vec<Group>,
    /// Most groups side by side.
    pub(super) most: usize,
}

impl Block {
    /// Splits the columns so that each part is narrow enough for a terminal.
    pub(super) fn parts(&self) -> Vec<&[Group]> {
        let label = |label: &Label| label.texts.iter().chain([&label.name]).map(|text| width(text)).max();
        let labels = span(&self.labels.iter().map(|l| label(l).unwrap_or(0)).collect::<Vec<_>>());
        let mut parts = Vec::new();
        let (mut from, mut wide) = (0, labels);
        for (i, group) in self.groups.iter().enumerate() {
            let more = GAP + span(&widths(group));
            if i > from && (i - from == self.most || wide + more > WIDEST) {
                parts.push(&self.groups[from..i]);
                (from, wide) = (i, labels);
            }
            wide += more;
        }
        parts.push(&self.groups[from..]);
        parts
    }

    /// Draws the table for a terminal; columns that do not fit beside each other go on below.
    pub(super) fn draw(&self) -> String {
        let title = if self.title.is_empty() { String::new() } else { format!("{}\n", self.title) };
        let parts: Vec<String> = self.parts().into_iter().map(|groups| self.draw_part(groups)).collect();
        title + &parts.join("\n")
    }

    /// Draws some columns: a line of heads, a line of names, the rows.
    fn draw_part(&self, groups: &[Group]) -> String {
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        let rows = self.labels.first().map_or(0, |label| label.texts.len());
        for i in 0..=rows {
            let text = |label: &Label| if i == 0 { label.name.clone() } else { label.texts[i - 1].clone() };
            let place =
                |label: &Label| if label.right { right(text(label)) } else { Drawn::new(text(label)) };
            let mut row: Vec<Drawn> = self.labels.iter().map(place).collect();
            for group in groups {
                for ((name, cells), width) in group.columns.iter().zip(widths(group)) {
                    row.push(match i {
                        0 => right(format!("{name:>width$}")),
                        _ => right(cells[i - 1].draw(any_marked(cells))),
                    });
                }
            }
            table.add_row(row);
        }
        let last = table.column_count().saturating_sub(1);
        for (i, column) in table.column_iter_mut().enumerate() {
            column.set_padding((0, if i == last { 0 } else { GAP as u16 }));
        }
        format!("{}{}\n", self.heads(groups), table.trim_fmt())
    }

    fn heads(&self, groups: &[Group]) -> String {
        if groups.iter().all(|group| group.head.is_empty()) {
            return String::new();
        }
        let label = |label: &Label| label.texts.iter().chain([&label.name]).map(|text| width(text)).max();
        let labels = span(&self.labels.iter().map(|l| label(l).unwrap_or(0)).collect::<Vec<_>>());
        let head = |group: &Group| format!("{:>width$}", group.head, width = GAP + span(&widths(group)));
        let heads: Vec<String> = groups.iter().map(head).collect();
        let line = " ".repeat(labels) + &heads.concat();
        format!("{}\n", line.trim_end())
    }
}

/// Widths of the columns of a group. The first takes up what the head needs beyond them.
fn widths(group: &Group) -> Vec<usize> {
    let widest = |(name, cells): &(String, Vec<Cell>)| {
        let marked = any_marked(cells);
        let cells = cells.iter().map(|cell| width(&cell.draw(marked)));
        cells.chain([width(name)]).max().unwrap_or(0)
    };
    let mut widths: Vec<usize> = group.columns.iter().map(widest).collect();
    let lacking = width(&group.head).saturating_sub(span(&widths));
    if let Some(first) = widths.first_mut() {
        *first += lacking;
    }
    widths
}

fn any_marked(cells: &[Cell]) -> bool {
    cells.iter().any(|cell| cell.marked)
}

fn width(text: &str) -> usize {
    text.chars().count()
}

fn span(widths: &[usize]) -> usize {
    widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1)
}

fn right(text: String) -> Drawn {
    Drawn::new(text).set_alignment(CellAlignment::Right)
}
