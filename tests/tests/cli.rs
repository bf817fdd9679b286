//! The program as people run it: real processes on a tiny encoder, a small corpus and precomputed matrices.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie in the workspace")
}

/// The binary beside this test; `cargo build -p isoscope` makes it when only this package was built.
fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let debug = test.ancestors().nth(2).unwrap();
    let program = debug.join("isoscope");
    if !program.try_exists().unwrap() {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let target = debug.parent().unwrap();
        let mut build = Command::new(cargo);
        build.current_dir(root()).args(["build", "--quiet", "-p", "isoscope", "--target-dir"]).arg(target);
        assert!(build.status().unwrap().success());
    }
    program
}

/// Runs the program in `directory`, with its state there too.
fn isoscope(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(program());
    command.current_dir(directory).args(arguments).env("XDG_CACHE_HOME", directory.join("cache"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ISOSCOPE")) {
        command.env_remove(name);
    }
    command.output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn golden(name: &str) -> String {
    root().join("tests/golden").join(name).display().to_string()
}

const STUDY: &str = r#"
name = "tiny"
[[model]]
name = "pre"
source = "model"
[[dataset]]
name = "pairs"
source = "pairs.tsv"
text = ["a", "b"]
gold = "score"
[[enhancement]]
id = "abtt"
components = 2
[[metric]]
id = "spectrum.isoscore"
[[metric]]
id = "partition.log_I_pm"
[[metric]]
id = "angular.avg_cosine"
[[evaluation]]
id = "sts.spearman"
"#;

/// A directory with a tiny encoder, a corpus of its vocabulary, and the study above.
fn workplace() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let model = directory.path().join("model");
    fs::create_dir(&model).unwrap();
    let fixture = root().join("core/encoders/tests/fixtures/bert");
    for entry in fs::read_dir(fixture).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, model.join(path.file_name().unwrap())).unwrap();
    }
    let tokenizer: Value = serde_json::from_slice(&fs::read(model.join("tokenizer.json")).unwrap()).unwrap();
    let vocabulary: Vec<&str> = tokenizer["model"]["vocab"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .filter(|w| w.is_ascii())
        .collect();
    let words: Vec<&str> = vocabulary.into_iter().filter(|w| w.chars().all(char::is_alphanumeric)).collect();
    let text = |seed: usize| {
        let picks = (0..3 + seed % 6).map(|i| words[(seed * 7 + i * 3) % words.len()]);
        picks.collect::<Vec<_>>().join(" ")
    };
    let rows = (0..90).map(|row| format!("{}\t{}\t{}", row % 6, text(row), text(row * 3 + 1)));
    let lines: Vec<String> = std::iter::once("score\ta\tb".to_owned()).chain(rows).collect();
    let corpus = lines.join("\n");
    fs::write(directory.path().join("pairs.tsv"), corpus).unwrap();
    fs::write(directory.path().join("study.toml"), STUDY).unwrap();
    directory
}

/// Runs the study with changes that must be refused: exit code 2, every phrase in the message, nothing written.
fn refused(directory: &Path, arguments: &[&str], phrases: &[&str]) {
    let mut all = vec!["run", "study.toml", "--out", "refused"];
    all.extend(arguments);
    let output = isoscope(directory, &all);
    let message = stderr(&output);
    assert_eq!(output.status.code(), Some(2), "{message}");
    for phrase in phrases {
        assert!(message.contains(phrase), "`{phrase}` is not in: {message}");
    }
    assert!(!directory.join("refused").try_exists().unwrap(), "nothing may be written");
}

#[test]
fn two_runs_give_identical_files_whatever_the_number_of_slots() {
    let place = workplace();
    for (slots, out) in [("1", "first"), ("3", "second")] {
        let output = isoscope(place.path(), &["--slots", slots, "run", "study.toml", "--out", out]);
        assert!(output.status.success(), "{}", stderr(&output));
    }
    for file in ["measurements.parquet", "curves.parquet", "differences.parquet", "manifest.json"] {
        let read = |out: &str| fs::read(place.path().join(out).join(file)).unwrap();
        assert_eq!(read("first"), read("second"), "{file} differs");
    }
    let left = fs::read_dir(place.path().join("cache/isoscope/runs")).unwrap().count();
    assert_eq!(left, 0, "the state of a run is removed with it");
}

#[test]
fn a_study_prints_a_row_for_every_layer_space_and_metric() {
    let place = workplace();
    let output = isoscope(place.path(), &["run", "study.toml", "-o", "json"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let rows: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let layers = 4;
    assert_eq!(rows.len(), layers * 2 * 4, "layers × spaces × metrics");
    assert!(rows.iter().all(|row| row["status"] == "ok" && row["value"].is_number()), "{rows:?}");
}

#[test]
fn a_plan_shows_the_passes_without_running_them() {
    let place = workplace();
    let output = isoscope(place.path(), &["plan", "study.toml"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("2 passes over the data"));
}

#[test]
fn matrices_are_measured_in_the_shapes_of_their_metrics() {
    let place = workplace();
    let arguments = [
        "measure",
        &golden("degenerate.npy"),
        "--metric",
        "moments",
        "--metric",
        "spectrum.isoscore",
        "-o",
        "json",
    ];
    let output = isoscope(place.path(), &arguments);
    assert!(output.status.success(), "{}", stderr(&output));
    let values: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let value = |id: &str| values.iter().find(|v| v["id"] == id).unwrap()["value"].clone();
    assert_eq!(value("moments.const_dims"), serde_json::json!([3]));
    assert!(value("moments.norm")["std"].is_number());
    assert!(value("spectrum.isoscore").is_number());
    assert_eq!(
        value("moments.outlier_dims_var5x"),
        serde_json::json!([]),
        "a list that names none is a result"
    );
}

#[test]
fn an_enhancement_is_applied_before_a_matrix_is_measured() {
    let place = workplace();
    let enhance = r#"abtt:{"components":3}"#;
    let matrix = golden("bertlike.npy");
    let output = isoscope(
        place.path(),
        &["measure", &matrix, "--metric", "angular.avg_cosine", "--enhance", enhance, "-o", "json"],
    );
    let values: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert!(values[0]["value"].as_f64().unwrap().abs() < 0.01, "{values:?}");
    let output = isoscope(place.path(), &["measure", &matrix, "--enhance", "abtt:{", "-o", "json"]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
}

#[test]
fn what_is_wrong_with_a_study_is_named_and_nothing_is_written() {
    let place = workplace();
    let here = place.path();
    fs::write(here.join("empty.tsv"), "score\ta\tb\n").unwrap();
    fs::write(here.join("gold.tsv"), "score\ta\tb\n1\tx\ty\nhigh\tx\ty\n").unwrap();
    refused(
        here,
        &["--set", "representation.laeyrs=all"],
        &["representation.laeyrs", "did you mean `layers`"],
    );
    refused(here, &["--set", "dataset.0.gold=scores"], &["dataset[0]", "pairs.tsv", "scores", "score"]);
    refused(here, &["--data", "empty.tsv"], &["dataset[0]", "empty.tsv"]);
    refused(here, &["--data", "gold.tsv"], &["gold.tsv", "line 3", "high"]);
    refused(here, &["--data", "nowhere.tsv"], &["nowhere.tsv"]);
    refused(
        here,
        &["--set", "metric.0.id=spectrum.isoscor"],
        &["metric[0].id", "did you mean `spectrum.isoscore`"],
    );
    refused(here, &["--set", "representation.layers=[99]"], &["representation.layers", "no layer 99"]);
}

#[test]
fn what_is_wrong_with_a_checkpoint_is_named_and_nothing_is_written() {
    let place = workplace();
    let here = place.path();
    let weights = fs::read(here.join("model/model.safetensors")).unwrap();
    refused(here, &["--model", "pre=nowhere"], &["model[0].source", "nowhere"]);
    fs::write(here.join("model/model.safetensors"), &weights[..200]).unwrap();
    refused(here, &[], &["model[0].source", "model.safetensors"]);
    fs::remove_file(here.join("model/model.safetensors")).unwrap();
    fs::write(here.join("model/pytorch_model.bin"), b"pickle").unwrap();
    refused(here, &[], &["model[0].source", "pytorch_model.bin"]);
}

#[test]
fn a_matrix_that_is_not_finite_is_refused_by_row_or_counted() {
    let place = workplace();
    let bytes = fs::read(golden("tiny.npy")).unwrap();
    let mut broken = bytes.clone();
    let last = broken.len() - 4;
    broken[last..].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(place.path().join("nan.npy"), broken).unwrap();
    fs::write(place.path().join("cut.npy"), &bytes[..bytes.len() - 4]).unwrap();
    let output = isoscope(place.path(), &["measure", "nan.npy", "-o", "json"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("row 7"), "{}", stderr(&output));
    let output = isoscope(
        place.path(),
        &["measure", "nan.npy", "--drop-nonfinite", "--metric", "moments.scatter_trace", "-o", "json"],
    );
    let values: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(values[0]["n"], 7);
    let output = isoscope(place.path(), &["measure", "cut.npy"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("cut.npy"), "{}", stderr(&output));
}

#[test]
fn the_machine_is_found_fit_and_plugins_are_listed_with_the_reason_for_refusals() {
    let place = workplace();
    let output = isoscope(place.path(), &["doctor"]);
    let found = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{found}");
    let named =
        found.lines().any(|line| line.contains("matrix products: OpenBLAS ") && line.contains("kernels for"));
    assert!(named, "the BLAS in use is named by version and kernels: {found}");
    fs::write(place.path().join("not.so"), b"no plugin").unwrap();
    let output = isoscope(place.path(), &["plugin", "list", "--dir", ".", "-o", "json"]);
    let listed: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert!(listed.iter().any(|p| p["id"] == "org.isoscope.spectrum" && p["status"] == "ok"));
    assert!(listed.iter().any(|p| p["source"].as_str().unwrap().ends_with("not.so") && p["status"] != "ok"));
}

#[test]
fn settings_come_in_layers_and_a_wrong_one_is_named() {
    let place = workplace();
    fs::write(place.path().join("settings.toml"), "[worker]\nslots = 3\n").unwrap();
    let output = isoscope(place.path(), &["--config", "settings.toml", "doctor"]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("3 tasks at once"));
    let output = isoscope(place.path(), &["--config", "settings.toml", "--slots", "5", "doctor"]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("5 tasks at once"), "flags win over the file");
    fs::write(place.path().join("settings.toml"), "[worker]\nslotz = 3\n").unwrap();
    let output = isoscope(place.path(), &["--config", "settings.toml", "doctor"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("slotz"), "{}", stderr(&output));
}
