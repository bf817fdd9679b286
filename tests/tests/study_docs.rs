//! docs/studies.md says what the code does: its tables are those of the types, its example is a study.
#![allow(clippy::unwrap_used)]

use config::{Config, File, FileFormat};
use isoscope_core::study::Study;
use isoscope_tests::study_docs::{example, page, renew};
use serde_json::Value;

fn text() -> String {
    std::fs::read_to_string(page()).unwrap()
}

#[test]
fn the_keys_of_the_page_are_those_of_the_types() {
    let found = text();
    let wanted = renew(&found);
    let differs = found.lines().zip(wanted.lines()).find(|(found, wanted)| found != wanted);
    assert!(
        found == wanted,
        "docs/studies.md is behind core/src/study/spec.rs, first at {differs:?}; run \
         `cargo run -p isoscope-tests --bin study-docs`"
    );
}

#[test]
fn the_example_of_the_page_is_a_study_that_uses_every_table() {
    let page = text();
    let file = File::from_str(example(&page, "toml"), FileFormat::Toml);
    let value: Value = Config::builder().add_source(file).build().unwrap().try_deserialize().unwrap();
    let study = Study::from_value(value.clone()).unwrap();
    let tables = schemars::schema_for!(Study).to_value();
    for key in tables["properties"].as_object().unwrap().keys() {
        assert!(value.get(key).is_some(), "the example does not show `{key}`");
    }
    assert!(study.enhancement.iter().any(|space| !space.then.is_empty()), "the example shows a chain");
}

#[test]
fn every_key_of_the_page_has_a_meaning() {
    let page = text();
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
    assert!(rows.len() > 25, "the page lists {} keys", rows.len());
    let bare: Vec<&&str> = rows.iter().filter(|row| row.ends_with("|  |")).collect();
    assert!(bare.is_empty(), "without a doc comment: {bare:?}");
}
