#![allow(clippy::unwrap_used)]

use super::{Chains, MEASUREMENTS, Tables, manifest};
use crate::fixture;
use isoscope_core::artefact::Artefact;
use isoscope_core::catalogue::OpManifest;
use isoscope_core::plan::Plan;
use isoscope_core::result::{LayerFit, LayerReport, OpReport, Reported, Tally};
use isoscope_core::state::{Blob, Fit};
use isoscope_core::study::Study;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The made-up study with two enhancements, one of which has nothing to fit, and spaces of names that no file system takes.
fn plan() -> Plan {
    let mut study = fixture::study_json(3);
    study["enhancement"] = json!([
        {"id": "zca", "name": "a/b"},
        {"id": "zca", "name": "a b", "then": [{"id": "l2_normalize"}]},
    ]);
    let mut facts = fixture::facts(60);
    for (id, needs) in [("zca", "moments"), ("l2_normalize", "nothing")] {
        let op = json!({"id": id, "kind": "enhancement", "version": 1, "needs": needs, "parts": ["second"],
                        "outputs": [], "affine": needs == "moments",
                        "params": {"type": "object", "properties": {}}});
        facts.plugins[0].manifest.ops.push(serde_json::from_value::<OpManifest>(op).unwrap());
    }
    Plan::new(&Study::from_value(study).unwrap(), &facts).unwrap()
}

fn report(subject: u32, value: f64, spread: f64) -> LayerReport {
    let blocks = isoscope_core::jackknife::Blocks::of(&plan().subjects[0]).unwrap().rows.len();
    let row = Reported {
        metric: "spectrum.isoscore".to_owned(),
        part: String::new(),
        value: Some(value),
        status: "ok".to_owned(),
        std_err: Some(spread),
        std_err_kind: format!("jackknife({blocks})"),
        replicates: (0..blocks).map(|i| value + spread * (i % 2) as f64).collect(),
        n: 60,
    };
    let op = OpReport { op: 0, group: String::new(), rows: vec![row], series: Vec::new() };
    LayerReport { subject, slot: 1, ops: vec![op], fits: Vec::new(), again: false }
}

#[test]
fn reports_become_rows_and_the_differences_between_encoders() {
    let tables = Tables::new(&plan(), &[report(0, 1.0, 0.01), report(1, 3.0, 0.02)]).unwrap();
    let [pre, ft] = tables.measurements.as_slice() else { panic!("two rows") };
    assert_eq!((pre.key.model.as_str(), pre.key.layer, pre.std_err), ("pre", 1, Some(0.01)));
    assert!(ft.std_err_kind.starts_with("jackknife("));
    let [difference] = tables.differences.as_slice() else { panic!("one difference") };
    assert_eq!((difference.key.model.as_str(), difference.baseline.as_str()), ("ft", "pre"));
    assert_eq!((difference.difference, difference.status.as_str()), (Some(2.0), "ok"));
    assert!(difference.p_holm.is_some_and(|p| p < 1e-6));
    let names: Vec<&str> = tables.files().unwrap().into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, [MEASUREMENTS, "curves.parquet", "differences.parquet"]);
    let rows: Value = serde_json::from_slice(&tables.rows(&plan()).unwrap()).unwrap();
    assert_eq!(rows["differences"][0]["kind"], "model");
    assert_eq!(rows["models"], json!(["pre", "ft"]));
}

#[test]
fn a_report_of_another_plan_is_refused() {
    assert!(Tables::new(&plan(), &[report(9, 1.0, 0.1)]).is_err());
}

fn fits(zca: Fit) -> BTreeMap<u32, LayerFit> {
    let unit = Fit::Done { model: Blob::default(), columns: 4 };
    let of = |node, fit| (node, LayerFit { node, input: 4, fit });
    BTreeMap::from([of(1, zca), of(2, unit)])
}

#[test]
fn each_chain_has_a_file_of_its_own_with_the_models_of_its_steps() {
    let plan = plan();
    let mut chains = Chains::new(&plan).unwrap();
    let files = chains.files(1, 0, &fits(Fit::Done { model: Blob(vec![7, 8]), columns: 4 })).unwrap();
    let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        ["transforms/ft.d.layer00.a_b.safetensors", "transforms/ft.d.layer00.a_b-2.safetensors"]
    );
    let chain = Artefact::from_bytes(&files[1].1).unwrap();
    assert_eq!((chain.space.as_str(), chain.model.as_str(), chain.unit.as_str()), ("a b", "ft", "token"));
    let steps: Vec<_> = chain.steps.iter().map(|s| (s.op.id.as_str(), s.input, s.model.clone())).collect();
    assert_eq!(steps, [("zca", 4, Some(vec![7, 8])), ("l2_normalize", 4, None)]);
    assert!(chains.skipped.is_empty());
}

#[test]
fn a_chain_whose_fit_failed_has_no_file_and_the_manifest_says_why() {
    let plan = plan();
    let mut chains = Chains::new(&plan).unwrap();
    let failed = fits(Fit::Failed { reason: "zca: fewer than two rows".to_owned() });
    assert!(chains.files(0, 1, &failed).unwrap().is_empty());
    let unknown = chains.files(0, 0, &BTreeMap::new()).unwrap();
    assert!(unknown.is_empty());
    let digests = BTreeMap::from([(MEASUREMENTS, "sha256:m")]);
    let manifest = manifest(&plan, &[Tally::default(); 2], &digests, &chains.skipped).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    assert_eq!(manifest["files"], json!({MEASUREMENTS: "sha256:m"}));
    let skipped = &manifest["transforms_skipped"];
    let expected = json!({"model": "pre", "dataset": "d", "layer": 1, "space": "a/b",
                          "reason": "zca: fewer than two rows"});
    assert_eq!(skipped[0], expected);
    assert_eq!(skipped[2]["reason"], "it was not fitted, because nothing was measured in it");
}
