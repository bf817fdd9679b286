//! All tables of results, in the form that is wanted.

use super::block::Block;
use super::comparison::comparisons;
use super::grid::grid;
use super::groups::groups;
use super::metric::{Section, distinct};
use super::{latex, markdown};
use isoscope_core::result::{Difference, Measurement};

/// What tables show.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shown<'a> {
    /// The numbers.
    pub(crate) measurements: &'a [Measurement],
    /// What they are held against.
    pub(crate) differences: &'a [Difference],
    /// Models in the study's order.
    pub(crate) models: &'a [String],
    /// Spaces in the study's order.
    pub(crate) spaces: &'a [String],
    /// Whether standard errors are shown.
    pub(crate) errors: bool,
}

/// How tables are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// For a terminal of 110 columns.
    Terminal,
    /// Pipe tables.
    Markdown,
    /// For the package booktabs.
    Latex,
}

/// Draws the scalar metrics of a study.
///
/// Each dataset has a table of a row for each layer and space, with a block of columns for each metric and in it a column for each
/// model; then one for each pair of clouds that were compared, and one for each column whose values part the rows into groups. A
/// value that differs from the baseline encoder's bears a `*`. A value that could not be had is `–`, and the reasons follow; what
/// was not measured is left empty. The text holds no colours. Vectors and object-valued metrics are not shown. Empty when there is
/// nothing to show; without a line feed at the end.
#[must_use]
pub(crate) fn table(shown: &Shown<'_>, style: Style) -> String {
    let datasets = distinct(shown.measurements.iter().map(|row| row.key.dataset.as_str()));
    let mut parts = Vec::new();
    for dataset in &datasets {
        let rows: Vec<&Measurement> =
            shown.measurements.iter().filter(|row| row.key.dataset == *dataset).collect();
        let sections =
            grid(&rows, shown).into_iter().chain(comparisons(&rows, shown)).chain(groups(&rows, shown));
        let written: Vec<String> = sections.map(|section| write(&section, style)).collect();
        if !written.is_empty() {
            let title = if datasets.len() > 1 { titled(dataset, style) } else { String::new() };
            parts.push(title + &written.join("\n"));
        }
    }
    let mut text = parts.join("\n");
    text.truncate(text.trim_end().len());
    text
}

fn titled(dataset: &str, style: Style) -> String {
    match style {
        Style::Terminal => format!("{dataset}\n"),
        Style::Markdown => format!("### {dataset}\n\n"),
        Style::Latex => format!("% {dataset}\n"),
    }
}

fn write(section: &Section, style: Style) -> String {
    let draw = match style {
        Style::Terminal => Block::draw,
        Style::Markdown => markdown::draw,
        Style::Latex => latex::draw,
    };
    let blocks: Vec<String> = section.blocks.iter().map(draw).collect();
    let notes: Vec<String> = match style {
        Style::Terminal => section.notes.iter().map(|note| format!("{note}\n")).collect(),
        Style::Markdown => section.notes.iter().map(|note| markdown::note(note)).collect(),
        Style::Latex => section.notes.iter().map(|note| latex::note(note)).collect(),
    };
    blocks.join("\n") + &notes.concat()
}
