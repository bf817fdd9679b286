//! `isoscope plugin check` on plugins that keep the laws and on plugins that break one: the real program, real files.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use isoscope_tests::process::program;
use isoscope_tests::{dylibs, gate};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::{TempDir, tempdir};

/// The plugin of the fixture with macros that break it, as a file.
struct Bad {
    directory: TempDir,
    file: PathBuf,
}

impl Bad {
    fn with(macros: &[&str]) -> Self {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let directory = tempdir().unwrap();
        let file = directory.path().join("mean_norm.so");
        let flags: Vec<String> = macros.iter().map(|name| format!("-D{name}")).collect();
        let include = here.join("../core/plugin-abi/include");
        gate::compile_c(&here.join("fixtures/bad_plugins/mean_norm.c"), &include, &flags, &file);
        Self { directory, file }
    }
}

fn check(file: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(program());
    command.args(["plugin", "check", "-o", "json"]).args(more).arg(file);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ISOSCOPE")) {
        command.env_remove(name);
    }
    command.output().unwrap()
}

/// Names and details of the broken laws.
fn broken(output: &Output) -> Vec<(String, String)> {
    let lines: Vec<Value> = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stderr)));
    let text = |line: &Value, key: &str| line[key].as_str().unwrap().to_owned();
    let broken = lines.iter().filter(|line| line["verdict"] == "broken");
    broken.map(|line| (text(line, "law"), text(line, "detail"))).collect()
}

/// Checks the fixture with one macro: it breaks `law`, and the detail says `phrase`.
fn breaks(name: &str, law: &str, phrase: &str) {
    let bad = Bad::with(&[name]);
    let output = check(&bad.file, &["--timeout", "3"]);
    let found = broken(&output);
    assert_eq!(output.status.code(), Some(1), "{name}: {found:?}");
    let said = found.iter().find(|(broken, _)| broken == law);
    let (_, detail) = said.unwrap_or_else(|| panic!("{name} does not break {law}, but {found:?}"));
    assert!(detail.contains(phrase), "{name}: `{phrase}` is not in: {detail}");
}

#[test]
fn a_plugin_that_keeps_the_laws_passes() {
    let output = check(&Bad::with(&[]).file, &[]);
    assert_eq!(broken(&output), []);
    assert_eq!(output.status.code(), Some(0));
}

/// What each op of a family must be tried on, and the remarks with which a law may say nothing about an op.
const CONFORMANCE: [(&str, &[&str]); 10] = [
    ("shards-do-not-matter", &["no shard reaches the op"]),
    ("merge-order-does-not-matter", &["no shard reaches the op"]),
    ("empty-shard-is-neutral", &["no shard reaches the op"]),
    ("declared-rotation-holds", &["no output is declared invariant"]),
    ("declared-translation-holds", &["no output is declared invariant"]),
    ("declared-scale-holds", &["no output is declared invariant"]),
    ("declared-permutation-holds", &["no output is declared invariant"]),
    ("padded-rows-are-read", &["no row reaches the op"]),
    ("one-row", &[]),
    ("constant-rows", &[]),
];

/// Fails when a law of [`CONFORMANCE`] was not tried on an op, or does not apply to it for another reason; returns the number of ops.
fn conforms(output: &Output) -> usize {
    let lines: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let ops: BTreeSet<&str> =
        lines.iter().filter_map(|line| line["op"].as_str()).filter(|op| !op.is_empty()).collect();
    for op in &ops {
        for (law, remarks) in CONFORMANCE {
            let line = lines.iter().find(|line| line["op"] == *op && line["law"] == law);
            let line = line.unwrap_or_else(|| panic!("{law} was not tried on {op}"));
            let said = line["detail"].as_str().unwrap();
            let excused =
                line["verdict"] == "does_not_apply" && remarks.iter().any(|remark| said.contains(remark));
            assert!(line["verdict"] == "holds" || excused, "{op}: {line}");
        }
    }
    ops.len()
}

#[test]
fn every_bundled_family_keeps_every_law() {
    let mut ops = 0;
    for file in dylibs::build() {
        let output = check(&file, &[]);
        assert_eq!(broken(&output), [], "{}", file.display());
        assert_eq!(output.status.code(), Some(0), "{}", file.display());
        ops += conforms(&output);
    }
    let bundled: usize = dylibs::load().facts().iter().map(|plugin| plugin.manifest.ops.len()).sum();
    assert_eq!(ops, bundled, "an op of a bundled family was not tried");
}

#[test]
fn a_wrong_state_is_found_by_cutting_the_rows_otherwise() {
    breaks("WRONG_MERGE", "shards-do-not-matter", "in 2 shards instead of one");
    breaks("WRONG_MERGE", "merge-order-does-not-matter", "");
    breaks("WRONG_MERGE", "empty-shard-is-neutral", "without rows");
    breaks("BATCH_DEPENDENT", "batches-do-not-matter", "batches of 1 rows");
    breaks("LOSES_ON_SAVE", "state-survives-saving", "saved and merged");
    breaks("SHARED_STATE", "runs-are-independent", "take turns");
    breaks("IGNORES_STRIDE", "padded-rows-are-read", "stride");
    breaks("DRIFTS", "same-order-same-bits", "again");
}

#[test]
fn a_wrong_answer_is_found() {
    breaks("NAN_OUTPUT", "no-rows", "mean_norm is a NaN or an infinity");
    breaks("CLAIM", "declared-translation-holds", "declared invariant to translation");
    breaks("ANY_PARAMETER", "unknown-parameter-is-refused", "does not know");
    breaks("LEAKS", "open-and-close-do-not-leak", "KiB behind");
}

#[test]
fn a_crash_or_an_endless_op_breaks_a_law_and_nothing_else() {
    breaks("ABORTS", "ordinary-rows-have-values", "SIGABRT");
    breaks("HANGS", "passes-are-bounded", "no end after 3 s");
    breaks("ENDLESS", "passes-are-bounded", "more than 10000 passes");
}

#[test]
fn a_wrong_file_is_found_before_any_op_is_tried() {
    breaks("NO_SYMBOL", "entry-symbol-is-exported", "isoscope_plugin_entry_v1");
    breaks("MAJOR=2", "abi-version-fits", "speaks ABI 2.0");
    breaks("EXTRA_SYMBOL", "nothing-else-is-exported", "an_extra_symbol");
    breaks("STATIC_TLS", "no-static-tls", "DF_STATIC_TLS");
    breaks("UNRESOLVED", "symbols-resolve", "a_function_that_nobody_has");
    breaks("OTHER_MANIFEST", "manifest-is-that-in-memory", "differs");
    let output = check(&Bad::with(&["MAJOR=2"]).file, &[]);
    let lines: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    assert!(lines.iter().all(|line| line["op"] == ""), "{lines:?}");
}

#[test]
fn a_text_is_no_plugin_and_an_absent_file_or_op_is_a_slip() {
    let bad = Bad::with(&[]);
    let text = bad.directory.path().join("text.so");
    fs::write(&text, "not a library").unwrap();
    let output = check(&text, &[]);
    assert_eq!(output.status.code(), Some(1));
    let found = broken(&output);
    assert!(found.iter().any(|(law, detail)| law == "manifest-is-readable" && detail.contains("not an ELF")));
    for (file, more, phrase) in [
        (bad.directory.path().join("absent.so"), vec![], "absent.so"),
        (bad.file.clone(), vec!["--op", "mean_nrm"], "it has mean_norm"),
    ] {
        let output = check(&file, &more);
        assert_eq!(output.status.code(), Some(2));
        let message = String::from_utf8_lossy(&output.stderr);
        assert!(message.contains(phrase), "`{phrase}` is not in: {message}");
    }
}
