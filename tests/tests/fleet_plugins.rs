//! Plugins that are put into the directory of workers that run.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use isoscope_tests::fleet::{Fleet, Patience};
use isoscope_tests::gate::{self, Gate};
use isoscope_tests::process::{LIMIT, Process, program};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// Workers that offer a plugin.
fn offering(fleet: &Fleet, id: &str) -> BTreeSet<String> {
    let plugins = fleet.json(&["plugin", "list"]);
    let lines =
        plugins.as_array().unwrap().iter().filter(|plugin| plugin["id"] == id && plugin["status"] == "ok");
    let names = lines.flat_map(|plugin| plugin["workers"].as_array().unwrap());
    names.map(|name| name.as_str().unwrap().to_owned()).collect()
}

/// Starts two workers with an empty plugin directory each, and a job that shows that both run.
fn two_workers(fleet: &Fleet, gate: &Gate) -> [(Process, PathBuf); 2] {
    let workers = ["a", "b"].map(|name| {
        let directory = fleet.path(&format!("plugins-{name}"));
        fs::create_dir(&directory).unwrap();
        (fleet.worker(name).plugins(&directory).gate(gate).start(), directory)
    });
    let before = fleet.print(&["job", "submit", "study.toml", "--set", &metric("spectrum")]);
    assert_eq!(fleet.run(&["job", "wait", before.trim()]).code, Some(0));
    workers
}

fn metric(id: &str) -> String {
    format!("metric=[{{\"id\":\"{id}\"}}]")
}

/// Puts a plugin into the directories of workers that run, and asks the coordinator until it knows of all of them.
fn put(plugin: &Path, id: &str, workers: &[(Process, PathBuf)], fleet: &Fleet) {
    let name = plugin.file_name().unwrap();
    for (worker, directory) in workers {
        fs::copy(plugin, directory.join(name)).unwrap();
        worker.until_logged(&name.to_string_lossy());
    }
    let begun = Instant::now();
    while offering(fleet, id) != BTreeSet::from(["a".to_owned(), "b".to_owned()]) {
        assert!(begun.elapsed() < LIMIT, "the workers have loaded {id}, but do not offer it");
    }
}

/// The rows of a job that measures `id` in both spaces, each with a number.
fn assert_measured(fleet: &Fleet, job: &str, id: &str) {
    assert_eq!(fleet.run(&["job", "wait", job]).code, Some(0), "{:#}", fleet.describe(job));
    let rows = fleet.json(&["job", "results", job]);
    let of_it =
        |row: &&serde_json::Value| row["metric"].as_str().is_some_and(|metric| metric.starts_with(id));
    let found: Vec<_> = rows.as_array().unwrap().iter().filter(of_it).collect();
    let spaces: BTreeSet<&str> = found.iter().filter_map(|row| row["space"].as_str()).collect();
    assert_eq!(spaces.len(), 2, "raw and the enhancement: {rows:#}");
    assert!(found.iter().all(|row| row["value"].is_number()), "{rows:#}");
}

#[test]
fn a_plugin_is_used_by_workers_that_ran_before_it_was_there() {
    let fleet = Fleet::new(Patience::Long);
    let gate = fleet.gate("all");
    let workers = two_workers(&fleet, &gate);
    let built = fleet.path("late.so");
    gate::compile(&built, "org.example.late", "late");
    put(&built, "org.example.late", &workers, &fleet);
    let job = fleet.print(&["job", "submit", "study.toml", "--set", &metric("late")]).trim().to_owned();
    let struck = [gate.struck(), gate.struck()];
    let found: BTreeSet<u32> = struck.iter().map(|task| task.pid).collect();
    assert_eq!(found, workers.iter().map(|(worker, _)| worker.pid()).collect(), "nobody was restarted");
    gate.open();
    drop(struck);
    assert_measured(&fleet, &job, "late");
}

/// Builds a new plugin in Rust as its author would, but with the versions of this tree and what is compiled already.
fn build_rust(directory: &Path, name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    fs::copy(root.join("Cargo.lock"), directory.join("Cargo.lock")).unwrap();
    let target = program().ancestors().nth(2).unwrap().join("plugin-new");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.current_dir(directory).args(["build", "--quiet", "--offline"]).env("CARGO_TARGET_DIR", &target);
    let built = build.output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    target.join("debug").join(format!("lib{name}.so"))
}

#[test]
fn a_new_plugin_from_either_template_measures_on_workers_that_run() {
    let fleet = Fleet::new(Patience::Long);
    let gate = fleet.gate("all");
    gate.open();
    let workers = two_workers(&fleet, &gate);
    for (language, name) in [("c", "fleet_gap_c"), ("rust", "fleet_gap_rust")] {
        let _next = fleet.print(&["plugin", "new", name, "--kind", "metric", "--lang", language]);
        let directory = fleet.path(name);
        let built = if language == "rust" {
            build_rust(&directory, name)
        } else {
            let built = directory.join(format!("{name}.so"));
            gate::compile_c(&directory.join("plugin.c"), &directory, &[], &built);
            built
        };
        put(&built, &format!("org.example.{name}"), &workers, &fleet);
        let job = fleet.print(&["job", "submit", "study.toml", "--set", &metric(name)]);
        assert_measured(&fleet, job.trim(), name);
    }
}
