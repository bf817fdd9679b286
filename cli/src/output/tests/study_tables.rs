//! The tables that a study asks for.

use super::{ISOSCORE, LOG_I, difference, names, row, with_error};
use crate::output::{Shown, Style, study_tables};
use isoscope_core::result::{Difference, Measurement};
use isoscope_core::study::{Layers, TableRows, TableSpec};

fn spec(rows: TableRows, metrics: &[&str]) -> TableSpec {
    TableSpec {
        title: "T1".to_owned(),
        rows,
        metrics: names(metrics),
        spaces: None,
        layers: Some(Layers::Last),
        note: "Read with care.".to_owned(),
    }
}

/// Two encoders: one value that differs, one that does not, one that could not be had.
fn rows() -> (Vec<Measurement>, Vec<Difference>) {
    let natural = |log10: f64| log10 * std::f64::consts::LN_10;
    let ours = with_error(row("fine", "d", (1, "raw"), LOG_I, Ok(natural(-3.0))), natural(0.1));
    let same = with_error(row("fine", "d", (1, "raw"), ISOSCORE, Ok(0.25)), 0.01);
    let differences = vec![difference(&ours, Ok(0.01)), difference(&same, Ok(0.8))];
    let rows = vec![
        row("pre", "d", (0, "raw"), LOG_I, Ok(natural(-9.0))),
        row("pre", "d", (1, "raw"), LOG_I, Ok(natural(-1.0))),
        ours,
        row("pre", "d", (1, "raw"), ISOSCORE, Err("all rows are equal")),
        same,
    ];
    (rows, differences)
}

fn drawn(spec: TableSpec, errors: bool, style: Style) -> String {
    let (measurements, differences) = rows();
    let (models, spaces) = (names(&["pre", "fine"]), names(&["raw"]));
    let shown = Shown {
        measurements: &measurements,
        differences: &differences,
        models: &models,
        spaces: &spaces,
        errors,
    };
    study_tables(&[spec], &shown, style)
}

#[test]
fn values_that_differ_from_the_baseline_are_marked_and_the_mark_is_explained() {
    let text = drawn(spec(TableRows::Space, &[LOG_I, ISOSCORE]), false, Style::Terminal);
    assert!(text.contains(" -3.00* |") && text.contains(" 0.2500 |"), "{text}");
    assert!(text.contains("\n* differs from pre at 95 %: paired jackknife over 16 blocks"), "{text}");
    assert!(text.contains("\n– all rows are equal (IsoScore)\n"), "{text}");
    assert!(text.ends_with("\n\nRead with care.\n") && !text.contains('±'), "{text}");
}

#[test]
fn a_page_takes_the_mark_as_it_is_written() {
    let text = drawn(spec(TableRows::Metric, &[LOG_I]), false, Style::Markdown);
    assert!(text.contains(r"-3.00\* |") && text.contains(r"\* differs from pre"), "{text}");
}

#[test]
fn errors_are_shown_when_they_are_asked_for() {
    let text = drawn(spec(TableRows::Layer, &[LOG_I, ISOSCORE]), true, Style::Terminal);
    assert!(text.contains("-3.00±0.10*") && text.contains("0.2500±0.010"), "{text}");
    assert!(text.contains("± standard error: jackknife(16)"), "{text}");
}
