//! Tables as LaTeX, with the rules of the package booktabs.

use super::block::{Block, Group};
use super::cell::{Cell, NULL};
use std::fmt::Write as _;

/// Writes a table; columns that are too many for a page go on in a further one.
pub(super) fn draw(block: &Block) -> String {
    let parts: Vec<String> = block.parts().into_iter().map(|groups| part(block, groups)).collect();
    parts.join("\n")
}

fn part(block: &Block, groups: &[Group]) -> String {
    let mut text = String::new();
    if !block.title.is_empty() {
        text.push_str(&note(&block.title));
    }
    let labels: String = block.labels.iter().map(|label| if label.right { 'r' } else { 'l' }).collect();
    let columns: usize = groups.iter().map(|group| group.columns.len()).sum();
    let _ = writeln!(text, "\\begin{{tabular}}{{{labels}{}}}\n\\toprule", "r".repeat(columns));
    text.push_str(&heads(block.labels.len(), groups));
    let names = groups.iter().flat_map(|group| group.columns.iter().map(|(name, _)| escaped(name)));
    row(&mut text, block.labels.iter().map(|label| escaped(&label.name)).chain(names));
    text.push_str("\\midrule\n");
    for i in 0..block.labels.first().map_or(0, |label| label.texts.len()) {
        let labels = block.labels.iter().map(|label| escaped(&label.texts[i]));
        let cells = groups.iter().flat_map(|group| &group.columns).map(|(_, cells)| cell(&cells[i]));
        row(&mut text, labels.chain(cells));
    }
    text.push_str("\\bottomrule\n\\end{tabular}\n");
    text
}

/// The line of heads, each above its columns, and a rule below each.
fn heads(labels: usize, groups: &[Group]) -> String {
    if groups.iter().all(|group| group.head.is_empty()) {
        return String::new();
    }
    let (mut text, mut rules) = (" &".repeat(labels - 1), String::new());
    let mut from = labels + 1;
    for group in groups {
        let to = from + group.columns.len() - 1;
        let _ = write!(text, " & \\multicolumn{{{}}}{{c}}{{{}}}", group.columns.len(), escaped(&group.head));
        let _ = write!(rules, "\\cmidrule(lr){{{from}-{to}}}");
        from = to + 1;
    }
    format!("{} \\\\\n{rules}\n", text.trim_start())
}

/// Writes a line below a table, as a comment: where it belongs, the caption, is not known here.
pub(super) fn note(note: &str) -> String {
    format!("% {note}\n")
}

fn cell(cell: &Cell) -> String {
    if cell.text == NULL { "--".to_owned() } else { number(&cell.text, if cell.marked { "^*" } else { "" }) }
}

/// Signs and powers of ten as mathematics writes them.
fn number(text: &str, mark: &str) -> String {
    let one = |text: &str| match text.split_once('e') {
        Some((digits, power)) => format!("{digits}\\cdot 10^{{{power}}}"),
        None => text.to_owned(),
    };
    if text.is_empty() {
        return String::new();
    }
    format!("${}{mark}$", text.split('±').map(one).collect::<Vec<_>>().join("\\pm "))
}

fn row(text: &mut String, cells: impl Iterator<Item = String>) {
    let _ = writeln!(text, "{} \\\\", cells.collect::<Vec<_>>().join(" & "));
}

/// Takes the meaning from characters that LaTeX gives one.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => escaped.extend(['\\', c]),
            '\\' => escaped.push_str("\\textbackslash{}"),
            '~' => escaped.push_str("\\textasciitilde{}"),
            '^' => escaped.push_str("\\textasciicircum{}"),
            'ρ' => escaped.push_str("$\\rho$"),
            '×' => escaped.push_str("$\\times$"),
            _ => escaped.push(c),
        }
    }
    escaped
}
