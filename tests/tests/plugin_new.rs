//! `isoscope plugin new`: what it writes builds as it is and keeps every law, and `plugin run` measures with it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use isoscope_tests::golden;
use isoscope_tests::process::program;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::tempdir;

const KINDS: [&str; 5] = ["metric", "moments", "enhancement", "probe", "comparison"];

fn isoscope(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(program());
    command.current_dir(directory).args(arguments);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ISOSCOPE")) {
        command.env_remove(name);
    }
    command.output().unwrap()
}

fn done(output: &Output) {
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}\n{stderr}");
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie in the workspace")
}

/// Where generated crates are built: one folder for all, so that the SDK is compiled once.
fn target() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(3).unwrap().join("plugin-new")
}

/// Builds a crate and runs its tests without a network, with the versions of this workspace.
fn build_and_test(directory: &Path) {
    fs::copy(root().join("Cargo.lock"), directory.join("Cargo.lock")).unwrap();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    for subcommand in ["build", "test"] {
        let mut command = Command::new(&cargo);
        command.current_dir(directory).args([subcommand, "--offline", "--quiet"]);
        done(&command.env("CARGO_TARGET_DIR", target()).output().unwrap());
    }
}

#[test]
fn every_kind_in_rust_builds_passes_its_tests_and_keeps_the_laws() {
    let place = tempdir().unwrap();
    for kind in KINDS {
        let name = format!("new_{kind}");
        done(&isoscope(place.path(), &["plugin", "new", &name, "--kind", kind, "--lang", "rust"]));
        build_and_test(&place.path().join(&name));
        let file = target().join(format!("debug/lib{name}.so"));
        done(&isoscope(place.path(), &["plugin", "check", file.to_str().unwrap()]));
    }
}

#[test]
fn every_kind_in_c_builds_without_a_warning_and_keeps_the_laws() {
    let place = tempdir().unwrap();
    for kind in KINDS {
        let name = format!("new_{kind}");
        done(&isoscope(place.path(), &["plugin", "new", &name, "--kind", kind, "--lang", "c"]));
        let directory = place.path().join(&name);
        // The command of the Makefile; make itself is not needed here.
        let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
        let mut command = Command::new(compiler);
        command.current_dir(&directory);
        command.args("-std=c11 -Wall -Wextra -Werror -O2 -fPIC -shared -fvisibility=hidden -o".split(' '));
        command.args([&format!("{name}.so"), "plugin.c", "-lm"]);
        done(&command.output().unwrap());
        let makefile = fs::read_to_string(directory.join("Makefile")).unwrap();
        assert!(
            makefile.contains("-std=c11 -Wall -Wextra -Werror") && makefile.contains(&name),
            "{makefile}"
        );
        done(&isoscope(&directory, &["plugin", "check", &format!("{name}.so")]));
        if kind == "metric" {
            measures(&directory, &name);
        }
    }
}

/// `plugin run` gives what the bundled metric of the same definition gives.
fn measures(directory: &Path, name: &str) {
    let matrix = golden::folder().join("bertlike.npy").display().to_string();
    let ran = isoscope(directory, &["plugin", "run", &format!("{name}.so"), "--on", &matrix, "-o", "json"]);
    done(&ran);
    let metric = "angular.avg_cosine";
    let known = isoscope(directory, &["measure", &matrix, "--metric", metric, "-o", "json"]);
    done(&known);
    let value = |output: &Output| serde_json::from_slice::<Vec<Value>>(&output.stdout).unwrap().remove(0);
    let (ran, known) = (value(&ran), value(&known));
    let (ours, theirs) = (ran["values"][0].as_f64().unwrap(), known["value"].as_f64().unwrap());
    assert!((ours - theirs).abs() < 1e-9, "{ours} {theirs}");
    assert_eq!(ran["n"], known["n"]);
}

#[test]
fn a_name_or_a_directory_that_will_not_do_is_refused_and_nothing_is_written() {
    let place = tempdir().unwrap();
    let here = place.path();
    fs::create_dir(here.join("full")).unwrap();
    fs::write(here.join("full/notes.txt"), "mine").unwrap();
    let cases: [(&[&str], &str); 6] = [
        (&["Gap", "--lang", "c"], "lower-case"),
        (&["2gap", "--lang", "c"], "a letter first"),
        (&["mean-gap", "--lang", "c"], "underscores"),
        (&["fn", "--lang", "c"], "a word of Rust"),
        (&["gap", "--lang", "c", "--dir", "full"], "full is not empty"),
        (&["gap", "--lang", "rust", "--sdk", "full"], "core/plugin-sdk"),
    ];
    for (arguments, phrase) in cases {
        let mut all = vec!["plugin", "new", "--kind", "metric"];
        all.extend(arguments);
        let output = isoscope(here, &all);
        let message = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.contains(phrase), "`{phrase}` is not in: {message}");
    }
    let left: Vec<_> = fs::read_dir(here).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["full"]);
    assert_eq!(fs::read_dir(here.join("full")).unwrap().count(), 1);
}

#[test]
fn an_empty_directory_is_filled() {
    let place = tempdir().unwrap();
    fs::create_dir(place.path().join("there")).unwrap();
    let arguments = ["plugin", "new", "gap", "--kind", "moments", "--lang", "c", "--dir", "there"];
    done(&isoscope(place.path(), &arguments));
    let source = fs::read_to_string(place.path().join("there/plugin.c")).unwrap();
    assert!(source.contains("org.example.gap") && !source.contains("my_plugin"));
}
