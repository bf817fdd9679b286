//! The page `docs/metrics.md`: the catalogue of ops, made of the manifests of the built-in plugins in the words of
//! `isoscope metrics show`.

#[path = "../../cli/src/metrics/description.rs"]
mod description;

use isoscope_core::catalogue::{Manifest, OpManifest};
use isoscope_worker::PluginSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

const HEAD: &str = "\
<!-- made of the manifests of the built-in plugins by `cargo run -p isoscope-tests --bin metrics-docs` -->

# Metrics

Everything that the built-in plugins compute, family by family. `isoscope metrics list` and `isoscope metrics show ID` print the
same for the plugins of a machine, with those of its plugin directory. The rows of X (n×d) are observations, μ is their mean,
logarithms are natural, and sums run in double precision. An id that ends in `*` is completed by parameters. A value that is not
defined for some rows is reported as null with the reason, never as a number that looks like one.

\"Unchanged under\" names the changes of the rows that leave a value as it is: rotation, the same translation of all rows, one
positive factor for all rows, another order. Among the columns, `row`, `sentence`, `position`, `token_id` and the like are filled
where a dataset has texts; others come with the dataset.

";

/// Path of the page in the tree.
#[must_use]
pub fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests lie in the workspace")
        .join("docs/metrics.md")
}

/// The manifests of the plugins that are linked into the program.
///
/// # Panics
/// When one of them cannot be read.
#[must_use]
pub fn manifests() -> Vec<Manifest> {
    let plugins = PluginSet::built_in().expect("the built-in plugins have manifests");
    plugins.facts().into_iter().map(|plugin| plugin.manifest).collect()
}

/// Renders the page: contents, then a section for each plugin.
#[must_use]
pub fn render(manifests: &[Manifest]) -> String {
    let mut text = HEAD.to_owned();
    text += "## Contents\n\n";
    for manifest in manifests {
        let family = family(&manifest.id);
        let _ = writeln!(text, "- [{family}](#{family})");
        for op in &manifest.ops {
            let _ = writeln!(
                text,
                "  - [`{}`](#{}): {}",
                op.id,
                anchor(&op.id),
                cell(description::summary(&op.doc))
            );
        }
    }
    for manifest in manifests {
        let _ = write!(text, "\n## {}\n", family(&manifest.id));
        for op in &manifest.ops {
            section(&mut text, op);
        }
    }
    text
}

/// The family of a plugin's ops: the last part of its id.
fn family(plugin: &str) -> &str {
    plugin.rsplit('.').next().unwrap_or(plugin)
}

/// The anchor of a heading that is one code span, as Markdown renderers make it.
#[must_use]
pub fn anchor(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || *c == '_' || *c == '-';
    heading.to_lowercase().chars().filter(kept).collect()
}

fn section(text: &mut String, op: &OpManifest) {
    let (kind, needs) = (description::kind(op.kind), description::needs(op.needs));
    let _ = writeln!(
        text,
        "\n### `{}`\n\n{kind} · needs {needs} · version {}\n\n{}",
        op.id,
        op.version,
        prose(&op.doc)
    );
    if !op.formula.is_empty() {
        let _ = writeln!(text, "\n```math\n{}\n```", op.formula);
    }
    table(text, &description::OUTPUTS, &description::outputs(op));
    table(text, &description::PARAMETERS, &description::parameters(op));
    let facts = [
        ("Cost", description::cost(op)),
        ("Columns", description::columns(op)),
        ("Reference", op.reference.clone()),
    ];
    text.push('\n');
    for (name, value) in facts.iter().filter(|(_, value)| !value.is_empty()) {
        let _ = writeln!(text, "- {name}: {}", prose(value));
    }
}

/// Writes a table, its first column as code; nothing when it has no lines.
fn table<const N: usize>(text: &mut String, head: &[&str; N], lines: &[[String; N]]) {
    if lines.is_empty() {
        return;
    }
    let _ = write!(text, "\n| {} |\n|{}\n", head.join(" | "), "---|".repeat(N));
    for line in lines {
        let cells = line.iter().enumerate().map(|(i, value)| match i {
            0 => format!("`{value}`"),
            _ => cell(value),
        });
        let _ = writeln!(text, "| {} |", cells.collect::<Vec<_>>().join(" | "));
    }
}

/// A text inside a table or a list: `|` would end the cell.
fn cell(text: &str) -> String {
    prose(text).replace('|', "\\|")
}

/// A text whose signs stay what they are in Markdown; code spans are kept. A `_` inside a word means nothing there.
fn prose(text: &str) -> String {
    let mut written = String::new();
    for (i, piece) in text.split('`').enumerate() {
        if i % 2 == 1 {
            let _ = write!(written, "`{piece}`");
            continue;
        }
        let mut before = ' ';
        for c in piece.chars() {
            if ['*', '<'].contains(&c) || (c == '_' && !before.is_alphanumeric()) {
                written.push('\\');
            }
            written.push(c);
            before = c;
        }
    }
    written
}
