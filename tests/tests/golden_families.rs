//! Golden values of the families that look at labels, groups, pairs, neighbours and second clouds, through the worker's own tasks: by
//! the built-in table, and by plugin files.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use isoscope_core::study::Study;
use isoscope_tests::golden::{self, Golden};
use isoscope_tests::values::values;
use isoscope_tests::vectors;
use isoscope_tests::{dylibs, jobs};
use isoscope_worker::PluginSet;
use ndarray::{Axis, concatenate};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

/// One study over one golden input, and the ids whose values it must give.
struct Case {
    input: &'static str,
    study: Value,
    ids: Vec<String>,
    /// Golden id of a value that is reported under another one, and of its part.
    names: Vec<(&'static str, String, &'static str)>,
}

impl Case {
    fn new(input: &'static str, study: Value, ids: Vec<String>) -> Self {
        Self { input, study, ids, names: Vec::new() }
    }
}

fn ids(golden: &BTreeMap<String, BTreeMap<String, Golden>>, input: &str, prefix: &str) -> Vec<String> {
    let testable =
        |(id, value): &(&String, &Golden)| id.starts_with(prefix) && !value.note.contains("do not test");
    golden[input].iter().filter(testable).map(|(id, _)| id.clone()).collect()
}

/// A study of one matrix, cut into many shards.
fn of(input: &str, key: &str, ops: Value) -> Value {
    json!({
        "name": "golden",
        "dataset": [{"name": input, "source": format!("{input}.npy")}],
        key: ops,
        "plan": {"shard_rows": 37},
    })
}

/// The rows of `pairs.npy`, flattened.
fn stored_pairs() -> Vec<i64> {
    vectors::pairs("pairs")
}

fn cases(scratch: &Path) -> Vec<Case> {
    let golden = golden::all();
    let mut cases = Vec::new();
    for input in ["iso_gauss", "elongated", "clustered", "common_mean", "bertlike", "swiss", "sphere5"] {
        let study = of(input, "metric", json!([{"id": "neigh"}]));
        cases.push(Case::new(input, study, ids(&golden, input, "neigh.")));
    }
    for (input, values) in &golden {
        if values.contains_key("pairs.uniformity_t2") {
            let input = *INPUTS.iter().find(|known| *known == input).expect("a known input");
            let study = of(input, "metric", json!([{"id": "pairs.uniformity_t2"}]));
            cases.push(Case::new(input, study, vec!["pairs.uniformity_t2".to_owned()]));
        }
    }
    for input in ["rogue", "common_mean"] {
        let mut ids = ids(&golden, input, "pairs.");
        ids.retain(|id| id != "pairs.uniformity_t2");
        let ops: Vec<Value> = ids.iter().map(|id| json!({"id": id, "pairs": stored_pairs()})).collect();
        cases.push(Case::new(input, of(input, "metric", json!(ops)), ids));
    }
    cases.extend(clusters());
    cases.extend(tokens(&golden, scratch));
    cases.extend(comparisons(&golden));
    cases.extend(probes(&golden, scratch));
    cases.extend(topology(&golden));
    cases.extend(clustered_spaces());
    cases
}

/// Matrices seen through enhancements that are fitted on rows, in as many passes as k-means takes.
fn clustered_spaces() -> Vec<Case> {
    let space = |input: &'static str, k: u64, golden: &str, enhancement: Value| {
        let mut enhancement = enhancement;
        for (key, value) in [("name", json!("x")), ("clusters", json!(k)), ("init", json!("first_rows"))] {
            enhancement[key] = value;
        }
        let metrics = [
            ("angular.avg_cosine", "avg_cosine"),
            ("spectrum.isoscore", "isoscore"),
            ("partition.log_I_pm", "log_I_pm"),
        ];
        let ops: Vec<Value> = metrics.iter().map(|(id, _)| json!({"id": id, "spaces": ["x"]})).collect();
        let mut study = of(input, "metric", json!(ops));
        study["enhancement"] = json!([enhancement]);
        let names = metrics.map(|(id, part)| (id, format!("enhance.{golden}"), part)).to_vec();
        Case { names, ..Case::new(input, study, Vec::new()) }
    };
    let inputs = [("clustered", 6), ("rogue", 1), ("bertlike", 8)];
    let of_input = |(input, k)| {
        let based = json!({"id": "cluster_based", "components": 2});
        [
            space(input, k, "cluster_zero_mean", json!({"id": "cluster_zero_mean"})),
            space(input, k, "cluster_based_p2", based),
        ]
    };
    inputs.into_iter().flat_map(of_input).collect()
}

/// Inputs of the metrics on one cloud.
const INPUTS: [&str; 12] = [
    "iso_gauss",
    "elongated",
    "clustered",
    "rogue",
    "common_mean",
    "tiny",
    "lowrank",
    "degenerate",
    "constdim",
    "bertlike",
    "overflow",
    "bigmean",
];

fn clusters() -> Vec<Case> {
    let of_k = |input: &'static str, k: u64, parts: &[&str]| {
        let study = of(input, "metric", json!([{"id": "cluster", "clusters": k, "init": "first_rows"}]));
        Case::new(input, study, parts.iter().map(|part| part.replace('#', &k.to_string())).collect())
    };
    let all = [
        "cluster.kmeans#_inertia",
        "cluster.kmeans#_sizes",
        "cluster.kmeans#_silhouette",
        "cluster.kmeans#_davies_bouldin",
        "cluster.kmeans#_calinski_harabasz",
        "cluster.adjusted_avg_cosine_k#",
        "cluster.local_log_I_pm_k#",
    ];
    let local = ["cluster.local_log_I_pm_k#"];
    let of_bertlike = [1, 3, 9].into_iter().map(|k| of_k("bertlike", k, &local));
    [of_k("clustered", 6, &all), of_k("bertlike", 8, &all)].into_iter().chain(of_bertlike).collect()
}

/// Writes a column with one value a line.
fn column<T: ToString>(scratch: &Path, name: &str, values: impl IntoIterator<Item = T>) -> String {
    let lines: Vec<String> = values.into_iter().map(|value| value.to_string()).collect();
    let path = scratch.join(name);
    std::fs::write(&path, lines.join("\n") + "\n").unwrap();
    path.display().to_string()
}

/// Tokens with their sentences and words; the attribute of a token is the parity of its sentence.
fn tokens(golden: &BTreeMap<String, BTreeMap<String, Golden>>, scratch: &Path) -> Vec<Case> {
    let sentences = vectors::labels("tokens_sent");
    let scores = vectors::scores("sts_gold");
    let parity = column(scratch, "parity.txt", sentences.iter().map(|sentence| sentence % 2));
    let gold =
        column(scratch, "gold.txt", sentences.iter().map(|&s| scores[usize::try_from(s).unwrap() / 2]));
    let attach =
        json!({"sentence": "tokens_sent.npy", "word": "tokens_word.npy", "label": parity, "gold": gold});
    let study = |key: &str, ops: Value, enhancement: Option<Value>| {
        let mut study = of("tokens", key, ops);
        study["dataset"][0]["attach"] = attach.clone();
        study["plan"] = json!({});
        if let Some(enhancement) = enhancement {
            study["enhancement"] = json!([enhancement]);
        }
        study
    };
    let grouped = json!([
        {"id": "grouped.self_similarity"}, {"id": "grouped.intra_sentence"},
        {"id": "grouped.mev", "occurrences": 1000}, {"id": "grouped.frequency"},
        {"id": "grouped.knn5_same_word"}, {"id": "grouped.knn5_same_sentence", "group": "sentence"},
        {"id": "grouped.attr_distance"},
    ]);
    let alignment = json!([{"id": "pairs.alignment"}]);
    let one = |study: Value, ids: Vec<String>| Case::new("tokens", study, ids);
    let enhanced = |golden: &str, enhancement: Value| {
        let mut study = study("evaluation", json!([{"id": "sts", "spaces": ["x"]}]), Some(enhancement));
        study["metric"] = json!([{"id": "partition.log_I_pm", "spaces": ["x"]}]);
        let names = [
            ("sts.spearman", "sts_spearman"),
            ("sts.pearson", "sts_pearson"),
            ("partition.log_I_pm", "log_I_pm"),
        ];
        let names = names.map(|(id, name)| (id, format!("task.{name}_{golden}"), "")).to_vec();
        Case { names, ..one(study, Vec::new()) }
    };
    vec![
        enhanced(
            "cluster_zm_k6",
            json!({"name": "x", "id": "cluster_zero_mean", "clusters": 6, "init": "first_rows"}),
        ),
        enhanced(
            "cluster_based_k6_p2",
            json!({"name": "x", "id": "cluster_based", "clusters": 6, "components": 2, "init": "first_rows"}),
        ),
        one(study("metric", grouped, None), ids(golden, "tokens", "grouped.")),
        one(study("evaluation", alignment, None), ids(golden, "tokens", "pairs.alignment")),
    ]
}

fn comparisons(golden: &BTreeMap<String, BTreeMap<String, Golden>>) -> Vec<Case> {
    let case = |input: &'static str| {
        let (left, right) = input.split_once('|').unwrap();
        let study = json!({
            "name": "golden",
            "dataset": [
                {"name": "left", "source": format!("{left}.npy")},
                {"name": "right", "source": format!("{right}.npy")},
            ],
            "comparison": [{"id": "compare"}],
            "plan": {"shard_rows": 37},
        });
        Case::new(input, study, ids(golden, input, "compare."))
    };
    ["cmpA|cmpA", "cmpA|cmpB", "cmpA|cmpC", "cmpA|cmpD"].into_iter().map(case).collect()
}

fn probes(golden: &BTreeMap<String, BTreeMap<String, Golden>>, scratch: &Path) -> Vec<Case> {
    let x = vectors::matrix("probe_X");
    let split = column(scratch, "split.txt", (0..700).map(|i| if i < 500 { "train" } else { "test" }));
    let target = x.rows().into_iter().map(|row| 0.5 * row[0] - row[3] + 0.2 * row[5] * row[5]);
    let target = column(scratch, "target.txt", target.map(|value| format!("{value:e}")));
    let blocks = json!([0.032, 0.0625, 0.125, 0.25, 0.5, 1.0]);
    let mut study = of(
        "probe_X",
        "probe",
        json!([
            {"id": "probe.linear"},
            {"id": "probe.control", "control": "control", "draw": false},
            {"id": "probe.mdl", "order": "rows", "fractions": blocks},
            {"id": "probe.mdl_control", "order": "rows", "fractions": blocks, "control": "control", "draw": false},
            {"id": "probe.nearest_centroid"}, {"id": "probe.fisher"}, {"id": "probe.ridge"},
        ]),
    );
    let own = json!({"label": "probe_y.npy", "control": "probe_control.npy", "split": split, "gold": target});
    study["dataset"][0]["attach"] = own;
    let structural = {
        // A dataset that is split must have rows to train on: a sentence of two words, which a given probe does not look at.
        let words = vectors::matrix("sp_H");
        let all = concatenate(Axis(0), &[words.view(), words.slice_axis(Axis(0), (0..2).into())]).unwrap();
        vectors::write(&scratch.join("sp_H.npy"), &all);
        let sentences =
            column(scratch, "sentence.txt", (0..14).map(|i| i32::from(i >= 7) + i32::from(i >= 12)));
        let split = column(scratch, "parts.txt", (0..14).map(|i| if i < 12 { "test" } else { "train" }));
        let heads = column(scratch, "head.txt", vectors::labels("sp_heads").into_iter().chain([0, 1]));
        let matrix: Vec<f64> = vectors::matrix("sp_B").iter().copied().collect();
        let mut study = of("sp_H", "probe", json!([{"id": "probe.structural", "matrix": matrix}]));
        study["dataset"][0]["source"] = json!(scratch.join("sp_H.npy"));
        study["dataset"][0]["attach"] = json!({"head": heads, "sentence": sentences, "split": split});
        study["plan"] = json!({});
        Case::new("structural", study, ids(golden, "structural", "probe."))
    };
    vec![Case::new("probe", study, ids(golden, "probe", "probe.")), structural]
}

fn topology(golden: &BTreeMap<String, BTreeMap<String, Golden>>) -> Vec<Case> {
    let first = |input: &'static str| {
        let study = of(input, "metric", json!([{"id": "topo.h0", "rows": 1200, "first": 150}]));
        Case::new(input, study, ids(golden, input, "topo.h0"))
    };
    ["iso_gauss", "clustered", "swiss"].into_iter().map(first).collect()
}

/// The golden list of contributing dimensions names the two rogue ones that the clouds were made with; ours goes on to five.
fn leading(id: &str, value: &Value, want: &Golden) -> Value {
    match (value.as_array(), want.value.as_array()) {
        (Some(found), Some(wanted)) if id == "pairs.sampled_cc_top5_dims" => json!(found[..wanted.len()]),
        _ => value.clone(),
    }
}

/// Runs every case and compares; returns how many values were looked at.
fn compare(plugins: &PluginSet) -> usize {
    let scratch = tempfile::tempdir().unwrap();
    let golden = golden::all();
    let (mut compared, mut wrong) = (0, Vec::new());
    for case in cases(scratch.path()) {
        let study = Study::from_value(case.study.clone()).unwrap_or_else(|e| panic!("{}: {e}", case.input));
        let (plan, reports) = jobs::run(&study, plugins, &golden::folder());
        // Of two matrices the first subjects are each for itself; the last one is the comparison.
        let found = values(&reports[&(plan.subjects.len() as u32 - 1, 0)]);
        let own = case.ids.iter().map(|id| (id.as_str(), id.clone(), ""));
        let wanted: Vec<_> = own.chain(case.names.iter().cloned()).collect();
        assert!(!wanted.is_empty(), "{}: no golden value is looked at: {}", case.input, case.study);
        for (id, name, part) in wanted {
            compared += 1;
            let want = &golden[case.input][&name];
            let value_of = if part.is_empty() { want.value.clone() } else { want.value[part].clone() };
            let want = Golden { value: value_of, rtol: want.rtol, atol: want.atol, note: String::new() };
            let place = format!("{} {name} {part}", case.input);
            match found.get(id) {
                None => wrong.push(format!("{place}: not reported")),
                Some(value) => wrong.extend(
                    golden::disagreement(&leading(id, value, &want), &want)
                        .map(|why| format!("{place}{why}")),
                ),
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {compared} differ:\n{}", wrong.len(), wrong.join("\n"));
    compared
}

#[test]
fn the_built_in_families_agree_with_every_golden_value() {
    assert!(compare(&PluginSet::built_in().unwrap()) > 260);
}

#[test]
fn the_families_as_plugin_files_agree_with_every_golden_value() {
    assert!(compare(&dylibs::load()) > 260);
}

#[test]
fn the_loop_of_the_circle_is_found() {
    let study = Study::from_value(of("circle", "metric", json!([{"id": "topo.h1_intervals"}]))).unwrap();
    let (_, reports) = jobs::run(&study, &PluginSet::built_in().unwrap(), &golden::folder());
    let found = &values(&reports[&(0, 0)])["topo.h1_intervals"];
    let golden = &golden::all()["circle"]["topo.h1_intervals"];
    // The golden list holds the birth and the death of each interval; ours are two lists.
    let intervals = golden.value.as_array().unwrap();
    for (part, place) in [("birth", 0), ("death", 1)] {
        let wanted: Vec<Value> = intervals.iter().map(|interval| interval[place].clone()).collect();
        let wanted =
            Golden { value: json!(wanted), rtol: golden.rtol, atol: golden.atol, note: String::new() };
        assert_eq!(golden::disagreement(&found[part], &wanted), None);
    }
}
