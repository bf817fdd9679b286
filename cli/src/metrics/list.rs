//! `isoscope metrics list`.

use super::args::ListArgs;
use super::catalogue::Entry;
use super::description;
use crate::args::PlanFormat;
use crate::output;
use comfy_table::Table;
use isoscope_core::catalogue::{Kind, OutputManifest};
use serde::Serialize;
use std::io::Write as _;

/// Most characters of a description in a table.
const SHORT: usize = 72;

/// One line of the list: a value, or an op that reports none.
#[derive(Debug, Serialize)]
struct Listed<'a> {
    id: &'a str,
    op: &'a str,
    plugin: &'a str,
    kind: Kind,
    range: &'a str,
    unit: &'a str,
    better: &'a str,
    needs: &'static str,
    columns: &'a [String],
    doc: &'a str,
}

impl<'a> Listed<'a> {
    fn new(entry: &'a Entry, output: Option<&'a OutputManifest>) -> Self {
        let op = &entry.op;
        Self {
            id: output.map_or(&op.id, |output| &output.id),
            op: &op.id,
            plugin: &entry.plugin,
            kind: op.kind,
            range: output.map_or("", |output| &output.range),
            unit: output.map_or("", |output| &output.unit),
            better: output.map_or("", |output| &output.better),
            needs: description::needs(op.needs),
            columns: &op.columns,
            doc: &op.doc,
        }
    }
}

/// Prints a line for each value of the ops, and for each op without values.
pub(super) fn run(args: &ListArgs, entries: &[Entry]) -> anyhow::Result<()> {
    let kind = args.kind.map(Kind::from);
    let lines: Vec<Listed<'_>> = entries
        .iter()
        .filter(|entry| kind.is_none_or(|kind| entry.op.kind == kind))
        .flat_map(|entry| {
            let bare = entry.op.outputs.is_empty().then(|| Listed::new(entry, None));
            bare.into_iter().chain(entry.op.outputs.iter().map(|output| Listed::new(entry, Some(output))))
        })
        .collect();
    let mut out = std::io::stdout().lock();
    match args.output {
        PlanFormat::Json => writeln!(out, "{}", serde_json::to_string_pretty(&lines)?)?,
        PlanFormat::Table => writeln!(out, "{}", table(&lines))?,
    }
    Ok(())
}

fn table(lines: &[Listed<'_>]) -> Table {
    let mut table = output::sheet(&["id", "kind", "range", "better", "needs", "what it is"]);
    let mut before = "";
    for line in lines {
        // The values of one op share its description, which stands beside the first.
        let doc = if line.op == before { String::new() } else { short(description::summary(line.doc)) };
        before = line.op;
        let better = if line.better == "neither" { "" } else { line.better };
        table.add_row([line.id, description::kind(line.kind), line.range, better, line.needs, &doc]);
    }
    table
}

/// Cuts a text between words.
fn short(text: &str) -> String {
    if text.chars().count() <= SHORT {
        return text.to_owned();
    }
    let mut cut = String::new();
    for word in text.split_whitespace() {
        if cut.chars().count() + word.chars().count() + 2 > SHORT {
            break;
        }
        cut += word;
        cut.push(' ');
    }
    cut.trim_end_matches([' ', ',', ':', ';', '.']).to_owned() + "…"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_cut_between_words() {
        let text =
            "Mean cosine over all pairs of distinct rows, exact: the anisotropy baseline that publications";
        assert_eq!(short(text), "Mean cosine over all pairs of distinct rows, exact: the anisotropy…");
        assert_eq!(short("One word"), "One word");
    }

    #[test]
    fn the_first_sentence_does_not_end_at_an_abbreviation() {
        assert_eq!(description::summary("One, e.g. this. Two."), "One, e.g. this.");
        assert_eq!(description::summary("No end"), "No end");
    }
}
