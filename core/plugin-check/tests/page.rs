//! docs/plugins.md names every law, and no other.
#![allow(clippy::unwrap_used)]

use isoscope_plugin_check::{law, laws};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[test]
fn the_page_on_plugins_names_the_laws() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/plugins.md");
    let text = fs::read_to_string(page).unwrap();
    let section = text.split("## The laws").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let cells = rows.flat_map(|line| line.split('|').nth(1).unwrap().split('`').skip(1).step_by(2));
    let named: BTreeSet<&str> = cells.collect();
    let known: BTreeSet<&str> = laws().iter().map(|law| law.id).collect();
    assert_eq!(named, known);
}

#[test]
fn a_law_is_found_by_its_id_and_ids_are_used_once() {
    let ids: BTreeSet<&str> = laws().iter().map(|law| law.id).collect();
    assert_eq!(ids.len(), laws().len());
    assert!(law("no-rows").unwrap().is_about_ops());
    assert!(!law("no-static-tls").unwrap().is_about_ops());
    assert!(law("no-such-law").is_none());
}
