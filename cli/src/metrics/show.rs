//! `isoscope metrics show`.

use super::args::ShowArgs;
use super::catalogue::{Entry, find, nearest};
use super::description;
use crate::args::PlanFormat;
use crate::failure::Failure;
use crate::output;
use std::fmt::Write as _;
use std::io::Write as _;

/// Widest line of running text, in characters.
const WIDTH: usize = 96;

/// Prints all that is known of an op.
pub(super) fn run(args: &ShowArgs, entries: &[Entry]) -> anyhow::Result<()> {
    let found = find(entries, &args.id);
    if found.is_empty() {
        let near = nearest(entries, &args.id).map(|near| format!("; the nearest id is `{near}`"));
        let message = format!("no plugin has an op or a value `{}`{}", args.id, near.unwrap_or_default());
        return Err(Failure::Input(message).into());
    }
    let mut out = std::io::stdout().lock();
    match args.output {
        PlanFormat::Json => writeln!(out, "{}", serde_json::to_string_pretty(&found)?)?,
        PlanFormat::Table => {
            let texts: Vec<String> = found.into_iter().map(|entry| text(entry, &args.id)).collect();
            write!(out, "{}", texts.join("\n"))?;
        }
    }
    Ok(())
}

fn text(entry: &Entry, asked: &str) -> String {
    let op = &entry.op;
    let mut text = format!("{}\n", op.id);
    if asked != op.id {
        let _ = writeln!(text, "{asked} is a value of {}.", op.id);
    }
    let _ = writeln!(text, "\n{}\n", wrapped(&op.doc));
    let facts = [
        ("kind", format!("{}, version {} of the definition", description::kind(op.kind), op.version)),
        ("plugin", format!("{} ({})", entry.plugin, entry.source)),
        ("formula", wrapped(&op.formula)),
        ("cost", wrapped(&description::cost(op))),
        ("columns", wrapped(&description::columns(op))),
        ("reference", wrapped(&op.reference)),
    ];
    let _ = writeln!(text, "{}", output::facts(&facts));
    let outputs = description::outputs(op);
    if !outputs.is_empty() {
        let mut table = output::sheet(&description::OUTPUTS);
        table.add_rows(outputs);
        let _ = writeln!(text, "\n{table}");
    }
    let parameters = description::parameters(op);
    if !parameters.is_empty() {
        let mut table = output::sheet(&description::PARAMETERS);
        table.add_rows(
            parameters
                .into_iter()
                .map(|[name, kind, default, doc]| [name, kind, default, wrapped_to(&doc, WIDTH * 2 / 3)]),
        );
        let _ = writeln!(text, "\n{table}");
    }
    text
}

fn wrapped(text: &str) -> String {
    wrapped_to(text, WIDTH)
}

/// Breaks a text between words into lines of at most `width` characters.
fn wrapped_to(text: &str, width: usize) -> String {
    let (mut lines, mut line) = (Vec::new(), String::new());
    for word in text.split_whitespace() {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line += word;
    }
    lines.push(line);
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::PluginDirArgs;
    use serde_json::json;

    fn entry() -> Entry {
        let op = json!({
            "id": "grouped.mev", "kind": "metric", "version": 1, "needs": "sample", "columns": ["$group", "$within"],
            "doc": "A share. More.", "formula": "x^2", "reference": "Somebody 2019",
            "outputs": [{"id": "grouped.mev_k*", "shape": "scalar", "range": "[0, 1]", "better": "lower",
                         "invariant": ["rotation", "scale"]}],
            "params": {"properties": {
                "group": {"type": "string", "default": "word", "description": "Column of the keys."},
                "within": {"type": "string", "default": "", "description": "Column."},
                "rows": {"type": "integer", "default": 5000, "description": "Most rows.", "x-aliases": ["n"]},
            }},
        });
        Entry {
            plugin: "org.example.grouped".to_owned(),
            source: "built-in".to_owned(),
            op: serde_json::from_value(op).unwrap_or_else(|e| panic!("{e}")),
        }
    }

    #[test]
    fn an_op_is_shown_with_values_parameters_cost_and_columns() {
        let text = text(&entry(), "grouped.mev_k5");
        for phrase in [
            "grouped.mev_k5 is a value of grouped.mev.",
            "A share. More.",
            "x^2",
            "Somebody 2019",
            "at most 5000 rows",
            "word, or what the parameter group names; what the parameter within names, if anything",
            "[0, 1]",
            "lower",
            "rotation, scale",
            "Most rows. Also written n.",
        ] {
            assert!(text.contains(phrase), "`{phrase}` is not in:\n{text}");
        }
    }

    #[test]
    fn an_unknown_id_is_wrong_input_and_the_nearest_is_named() {
        let args = ShowArgs {
            id: "grouped.mevv".to_owned(),
            plugins: PluginDirArgs { plugins: None },
            output: PlanFormat::Table,
        };
        let failure = run(&args, &[entry()]).err().unwrap_or_else(|| panic!("it is unknown"));
        assert_eq!(crate::failure::exit_code(&failure), 2);
        assert!(failure.to_string().ends_with("the nearest id is `grouped.mev`"), "{failure}");
    }

    #[test]
    fn text_is_broken_between_words() {
        assert_eq!(wrapped_to("one two three", 7), "one two\nthree");
        assert_eq!(wrapped_to("", 7), "");
    }
}
