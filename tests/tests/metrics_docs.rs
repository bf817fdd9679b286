//! docs/metrics.md says what the manifests say, and the manifests say enough.
#![allow(clippy::unwrap_used)]

use isoscope_core::catalogue::Kind;
use isoscope_tests::metrics_docs::{anchor, manifests, page, render};

#[test]
fn the_page_is_that_of_the_manifests() {
    let found = std::fs::read_to_string(page()).unwrap();
    let wanted = render(&manifests());
    let differs = found.lines().zip(wanted.lines()).find(|(found, wanted)| found != wanted);
    assert!(
        found == wanted,
        "docs/metrics.md is behind the manifests, first at {differs:?}; run \
         `cargo run -p isoscope-tests --bin metrics-docs`"
    );
}

#[test]
fn every_op_says_what_it_computes_and_where_it_comes_from() {
    let mut silent = Vec::new();
    for op in manifests().into_iter().flat_map(|manifest| manifest.ops) {
        let parts = [("doc", &op.doc), ("formula", &op.formula), ("reference", &op.reference)];
        silent.extend(
            parts.iter().filter(|(_, text)| text.is_empty()).map(|(part, _)| format!("{}: {part}", op.id)),
        );
        if op.kind != Kind::Enhancement && op.outputs.is_empty() {
            silent.push(format!("{}: outputs", op.id));
        }
    }
    assert!(silent.is_empty(), "the catalogue lacks {silent:?}");
}

#[test]
fn every_id_of_the_contents_has_a_section_of_its_own() {
    let text = render(&manifests());
    let ops: Vec<_> = manifests().into_iter().flat_map(|manifest| manifest.ops).collect();
    for op in &ops {
        let heading = format!("\n### `{}`\n", op.id);
        assert_eq!(text.matches(&heading).count(), 1, "{}", op.id);
        assert!(text.contains(&format!("(#{})", anchor(&op.id))));
        for output in &op.outputs {
            assert!(text.contains(&format!("| `{}` |", output.id)), "{}", output.id);
        }
    }
    let mut anchors: Vec<_> = ops.iter().map(|op| anchor(&op.id)).collect();
    anchors.sort();
    anchors.dedup();
    assert_eq!(anchors.len(), ops.len(), "two sections have one anchor");
}
