//! What is trained in passes, k-means and probes, on one process with 1, 2 and 3 slots and on three worker processes: the same bytes.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use isoscope_tests::fleet::{FILES, Fleet, Patience, assert_same_files, files};
use isoscope_tests::golden;
use isoscope_tests::process::Process;
use serde_json::json;
use std::collections::BTreeSet;
use std::fs;

/// A study of labelled rows in 14 shards, each a task of its own in every pass; the gate shows who holds one.
fn study(fleet: &Fleet) -> String {
    let split: String = (0..700).map(|i| if i < 500 { "train\n" } else { "test\n" }).collect();
    fs::write(fleet.path("split.txt"), split).unwrap();
    let attached = |name: &str| golden::folder().join(format!("{name}.npy"));
    let study = json!({
        "name": "training",
        "dataset": [{
            "name": "rows",
            "source": attached("probe_X"),
            "attach": {"label": attached("probe_y"), "word": attached("probe_type"), "split": "split.txt"},
        }],
        "enhancement": [{"name": "clusters", "id": "cluster_based", "clusters": 4, "components": 2}],
        "metric": [
            {"id": "gate", "spaces": ["raw"]},
            {"id": "cluster", "clusters": 5, "runs": 2, "spaces": ["raw"]},
            {"id": "spectrum.isoscore", "spaces": ["clusters"]},
        ],
        "probe": [
            {"id": "probe.linear"}, {"id": "probe.control"}, {"id": "probe.nearest_centroid"}, {"id": "probe.fisher"},
        ],
        "plan": {"shard_rows": 50},
    });
    fs::write(fleet.path("training.json"), study.to_string()).unwrap();
    "training.json".to_owned()
}

#[test]
fn k_means_and_probes_have_the_same_bits_for_any_number_of_slots_and_workers() {
    let fleet = Fleet::new(Patience::Long);
    let study = study(&fleet);
    let gate = fleet.gate("all");
    let _workers = ["a", "b", "c"].map(|name| fleet.worker(name).gate(&gate).start());
    let job = fleet.print(&["job", "submit", &study]).trim().to_owned();
    let struck = [gate.struck(), gate.struck(), gate.struck()];
    let processes: BTreeSet<u32> = struck.iter().map(|task| task.pid).collect();
    assert_eq!(processes.len(), 3, "each of the three works");
    gate.open();
    drop(struck);
    let results = fleet.results(&job);
    assert_eq!(results.len(), FILES.len());
    for slots in ["1", "2", "3"] {
        let mut command = fleet.command();
        command.args(["run", &study, "--out", slots, "--slots", slots, "--plugins"]).arg(fleet.plugins());
        let ended = Process::start("local run", &mut command).wait();
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert_same_files(&files(&fleet.path(slots)), &results);
    }
}
