//! Every golden value of the bundled families, through the worker's own tasks: by the built-in table, and by plugin files.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use isoscope_core::study::Study;
use isoscope_tests::dylibs;
use isoscope_tests::golden::{self, Golden};
use isoscope_tests::jobs;
use isoscope_tests::values::values;
use isoscope_worker::PluginSet;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const FAMILIES: [&str; 4] = ["moments", "spectrum", "angular", "partition"];

/// Study of one golden matrix, cut into many shards, with every metric of the four families.
fn study(input: &str, enhancement: Option<Value>) -> Study {
    let space = if enhancement.is_some() { "x" } else { "raw" };
    let metrics: Vec<Value> = FAMILIES.iter().map(|id| json!({"id": id, "spaces": [space]})).collect();
    let mut value = json!({
        "name": "golden",
        "dataset": [{"name": input, "source": format!("{input}.npy")}],
        "metric": metrics,
        "plan": {"shard_rows": 37},
    });
    if let Some(mut enhancement) = enhancement {
        enhancement["name"] = json!("x");
        value["enhancement"] = json!([enhancement]);
    }
    Study::from_value(value).unwrap()
}

fn measure(input: &str, enhancement: Option<Value>, plugins: &PluginSet) -> BTreeMap<String, Value> {
    let (_, reports) = jobs::run(&study(input, enhancement), plugins, &golden::folder());
    values(&reports[&(0, 0)])
}

fn untestable(golden: &Golden) -> bool {
    golden.note.contains("do not test")
}

/// Compares every metric id of the four families on every input; returns how many were compared.
fn compare_metrics(plugins: &PluginSet) -> usize {
    let (mut compared, mut wrong) = (0, Vec::new());
    for (input, ids) in golden::all() {
        let of_family = |id: &String| {
            FAMILIES.iter().any(|f| id.strip_prefix(f).is_some_and(|rest| rest.starts_with('.')))
        };
        let ids: Vec<_> = ids.into_iter().filter(|(id, value)| of_family(id) && !untestable(value)).collect();
        if ids.is_empty() {
            continue;
        }
        let found = measure(&input, None, plugins);
        for (id, want) in ids {
            compared += 1;
            match found.get(&id) {
                None => wrong.push(format!("{input} {id}: not reported")),
                Some(value) => wrong.extend(golden::failure(&input, &id, value, &want)),
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {compared} differ:\n{}", wrong.len(), wrong.join("\n"));
    compared
}

/// Enhancements of the golden values, as a study writes them.
fn enhancements() -> [(&'static str, Value); 11] {
    [
        ("enhance.zero_mean", json!({"id": "zero_mean"})),
        ("enhance.standardize", json!({"id": "standardize"})),
        ("enhance.abtt_D1", json!({"id": "abtt", "components": 1})),
        ("enhance.abtt_D3", json!({"id": "abtt", "components": 3})),
        ("enhance.abtt_literal_D1", json!({"id": "abtt_literal", "components": 1})),
        ("enhance.abtt_literal_D3", json!({"id": "abtt_literal", "components": 3})),
        ("enhance.whitening", json!({"id": "whitening"})),
        ("enhance.whitening_k8", json!({"id": "whitening", "components": 8})),
        ("enhance.zca", json!({"id": "zca"})),
        ("enhance.drop_top2_dims", json!({"id": "drop_dims", "dims": 2})),
        ("enhance.rank_transform", json!({"id": "rank_transform"})),
    ]
}

/// Compares what metrics say of enhanced clouds: average cosine, IsoScore and partition function.
fn compare_enhancements(plugins: &PluginSet) -> usize {
    let (mut compared, mut wrong) = (0, Vec::new());
    let metrics = [
        ("avg_cosine", "angular.avg_cosine"),
        ("isoscore", "spectrum.isoscore"),
        ("log_I_pm", "partition.log_I_pm"),
    ];
    let golden = golden::all();
    for input in ["clustered", "rogue", "bertlike"] {
        for (id, enhancement) in enhancements() {
            let want = &golden[input][id];
            let found = measure(input, Some(enhancement), plugins);
            for (key, metric) in metrics {
                let Some(value) = want.value.get(key) else { continue };
                let want =
                    Golden { value: value.clone(), rtol: want.rtol, atol: want.atol, note: String::new() };
                compared += 1;
                let why = golden::disagreement(&found[metric], &want);
                wrong.extend(why.map(|why| format!("{input} {id} {metric}{why}")));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {compared} differ:\n{}", wrong.len(), wrong.join("\n"));
    compared
}

#[test]
fn an_op_that_needs_directions_alone_is_measured() {
    let study = json!({
        "name": "alone",
        "dataset": [{"name": "tiny", "source": "tiny.npy"}],
        "metric": [{"id": "moments.norm"}],
    });
    let study = Study::from_value(study).unwrap();
    let (_, reports) = jobs::run(&study, &PluginSet::built_in().unwrap(), &golden::folder());
    let found = &values(&reports[&(0, 0)])["moments.norm"];
    assert_eq!(golden::disagreement(found, &golden::all()["tiny"]["moments.norm"]), None);
}

#[test]
fn the_built_in_families_agree_with_every_golden_value() {
    let plugins = PluginSet::built_in().unwrap();
    assert!(compare_metrics(&plugins) > 500);
    assert!(compare_enhancements(&plugins) > 80);
}

#[test]
fn the_families_as_plugin_files_agree_with_every_golden_value() {
    let plugins = dylibs::load();
    assert!(plugins.facts().iter().all(|plugin| plugin.digest.starts_with("sha256:")));
    assert!(compare_metrics(&plugins) > 500);
    assert!(compare_enhancements(&plugins) > 80);
}
