//! Tables as Markdown's pipe tables.

use super::block::Block;
use super::cell::Cell;
use std::fmt::Write as _;

/// Writes a table, whole whatever its width; a column is headed by its metric and its name.
pub(super) fn draw(block: &Block) -> String {
    let mut text = String::new();
    if !block.title.is_empty() {
        let _ = writeln!(text, "**{}**\n", escaped(&block.title));
    }
    let labels = block.labels.iter().map(|label| (label.name.clone(), label.right));
    let columns = block.groups.iter().flat_map(|group| {
        group.columns.iter().map(|(name, _)| (format!("{} {name}", group.head).trim().to_owned(), true))
    });
    let heads: Vec<(String, bool)> = labels.chain(columns).collect();
    line(&mut text, heads.iter().map(|(head, _)| escaped(head)));
    line(&mut text, heads.iter().map(|(_, right)| if *right { "--:" } else { ":--" }.to_owned()));
    for i in 0..block.labels.first().map_or(0, |label| label.texts.len()) {
        let labels = block.labels.iter().map(|label| escaped(&label.texts[i]));
        let cells = block.groups.iter().flat_map(|group| &group.columns).map(|(_, cells)| cell(&cells[i]));
        line(&mut text, labels.chain(cells));
    }
    text
}

/// Writes a line below a table.
pub(super) fn note(note: &str) -> String {
    format!("\n{}\n", escaped(note))
}

fn cell(cell: &Cell) -> String {
    if cell.marked { format!("{}\\*", cell.text) } else { cell.text.clone() }
}

fn line(text: &mut String, cells: impl Iterator<Item = String>) {
    let _ = writeln!(text, "| {} |", cells.collect::<Vec<_>>().join(" | "));
}

/// Takes the meaning from characters that Markdown gives one.
pub(super) fn escaped(text: &str) -> String {
    let special = |c: char| "|*_`\\<".contains(c);
    text.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
}
