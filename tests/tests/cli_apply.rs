//! Fitted enhancements: what a study writes to `transforms/`, applied by the program, gives the rows that the study measured.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use isoscope_tests::process::program;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Scalars that see every coordinate: of the moments, of the directions, and of the rows.
const METRICS: [&str; 3] = ["angular.avg_cosine", "spectrum.isoscore", "partition.log_I_pm"];

const STUDY: &str = r#"
name = "fit"
[[dataset]]
name = "rows"
source = "X.npy"
[[enhancement]]
name = "abtt"
id = "abtt"
components = 3
[[enhancement]]
name = "whitening"
id = "whitening"
components = 8
[[enhancement]]
name = "zca"
id = "zca"
[[enhancement]]
name = "clusters"
id = "cluster_based"
[[enhancement]]
name = "zca, unit"
id = "zca"
then = [{ id = "l2_normalize" }]
[[metric]]
id = "angular.avg_cosine"
[[metric]]
id = "spectrum.isoscore"
[[metric]]
id = "partition.log_I_pm"
"#;

fn isoscope(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(program());
    command.current_dir(directory).args(arguments).env("XDG_CACHE_HOME", directory.join("cache"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ISOSCOPE")) {
        command.env_remove(name);
    }
    command.output().unwrap()
}

fn succeed(directory: &Path, arguments: &[&str]) -> String {
    let output = isoscope(directory, arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Fails with exit code 2 and every phrase in the message.
fn refused(directory: &Path, arguments: &[&str], phrases: &[&str]) {
    let output = isoscope(directory, arguments);
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{message}");
    for phrase in phrases {
        assert!(message.contains(phrase), "`{phrase}` is not in: {message}");
    }
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(name)
}

/// A directory in which the study has been run on a matrix of 32-bit floats; returns its rows too.
fn fitted() -> (tempfile::TempDir, Vec<Value>) {
    let directory = tempfile::tempdir().unwrap();
    fs::copy(golden("bertlike.npy"), directory.path().join("X.npy")).unwrap();
    fs::write(directory.path().join("study.toml"), STUDY).unwrap();
    let rows = succeed(directory.path(), &["run", "study.toml", "--out", "out", "-o", "json"]);
    (directory, serde_json::from_str(&rows).unwrap())
}

fn artefact(space: &str) -> String {
    format!("out/transforms/rows.layer00.{space}.safetensors")
}

#[test]
fn a_saved_enhancement_applied_gives_the_rows_that_were_measured() {
    let (place, rows) = fitted();
    let here = place.path();
    let mut compared = 0;
    for (space, file) in [
        ("abtt", "abtt"),
        ("whitening", "whitening"),
        ("zca", "zca"),
        ("clusters", "clusters"),
        ("zca, unit", "zca,_unit"),
    ] {
        succeed(here, &["apply", &artefact(file), "X.npy", "-o", "Y.npy", "--f64"]);
        let mut arguments = vec!["measure", "Y.npy", "-o", "json"];
        arguments.extend(METRICS.iter().flat_map(|metric| ["--metric", metric]));
        let values: Vec<Value> = serde_json::from_str(&succeed(here, &arguments)).unwrap();
        for metric in METRICS {
            let measured = rows.iter().find(|row| row["space"] == space && row["metric"] == metric).unwrap();
            let applied = values.iter().find(|value| value["id"] == metric).unwrap();
            assert_eq!(measured["status"], applied["status"], "{space} {metric}");
            let Some((a, b)) = measured["value"].as_f64().zip(applied["value"].as_f64()) else { continue };
            assert!((a - b).abs() <= 1e-9 * (1.0 + a.abs()), "{space} {metric}: {a} and {b}");
            compared += 1;
        }
    }
    assert_eq!(compared, 13, "white spaces alone have no directions of their own");
}

#[test]
fn what_comes_in_in_32_bits_goes_out_in_32_bits_beside_it() {
    let (place, _) = fitted();
    succeed(place.path(), &["apply", &artefact("zca"), "X.npy"]);
    let (before, after) = (
        fs::read(place.path().join("X.npy")).unwrap(),
        fs::read(place.path().join("X.applied.npy")).unwrap(),
    );
    let data = |bytes: &[u8]| bytes.len() - 10 - usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    assert_eq!(data(&after), data(&before));
    assert!(String::from_utf8_lossy(&after[..64]).contains("<f4"));
}

#[test]
fn the_manifest_lists_every_file_with_its_digest() {
    let (place, _) = fitted();
    let manifest: Value =
        serde_json::from_slice(&fs::read(place.path().join("out/manifest.json")).unwrap()).unwrap();
    let files = manifest["files"].as_object().unwrap();
    assert_eq!(files.len(), 3 + 5, "{files:?}");
    for (name, digest) in files {
        let bytes = fs::read(place.path().join("out").join(name)).unwrap();
        assert_eq!(isoscope_core::digest::sha256(&bytes), digest.as_str().unwrap(), "{name}");
    }
    assert_eq!(manifest["transforms_skipped"], serde_json::json!([]));
    succeed(place.path(), &["run", "study.toml", "--set", "save_transforms=false", "--out", "bare"]);
    assert!(!place.path().join("bare/transforms").try_exists().unwrap());
}

#[test]
fn what_cannot_be_applied_is_named_with_what_to_do() {
    let (place, _) = fitted();
    let here = place.path();
    let zca = artefact("zca");
    fs::copy(golden("tiny.npy"), here.join("tiny.npy")).unwrap();
    refused(here, &["apply", &zca, "tiny.npy"], &["tiny.npy", "columns", "same encoder"]);
    refused(here, &["apply", &zca, "nowhere.npy"], &["nowhere.npy"]);
    refused(here, &["apply", "X.npy", "X.npy"], &["X.npy", "not a safetensors file"]);
    let weights = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .join("core/encoders/tests/fixtures/bert/model.safetensors");
    refused(here, &["apply", weights.to_str().unwrap(), "X.npy"], &["not one that isoscope wrote"]);
    refused(here, &["apply", &zca, "X.npy", "-o", "no/such/folder/Y.npy"], &["no/such/folder/Y.npy"]);
    let left: Vec<_> = fs::read_dir(here).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("applied")), "{left:?}");
}
