//! The commands that the documents show exist: every `./dev …` and every `isoscope …` of README.md, CONTRIBUTING.md and docs/.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A command as a document shows it.
struct Shown {
    /// Where: file and line.
    place: String,
    /// Its words after the program's name.
    words: Vec<String>,
}

impl Shown {
    /// The words that can be names of subcommands: those before the first that looks like an option, a path or a placeholder.
    fn names(&self) -> Vec<&str> {
        let is_name =
            |word: &&str| word.chars().all(|c| c.is_ascii_lowercase() || c == '-') && !word.starts_with('-');
        self.words.iter().map(String::as_str).take_while(is_name).collect()
    }

    /// The long options, without values.
    fn options(&self) -> Vec<&str> {
        let long = self.words.iter().filter(|word| word.len() > 2 && word.starts_with("--"));
        long.map(|word| word.split('=').next().unwrap()).collect()
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the repository").to_owned()
}

/// The documents that users read: those of the root and everything under docs/.
fn documents() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().join("docs")];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    let names = [
        "README.md",
        "CONTRIBUTING.md",
        "demo/README.md",
        "bench/README.md",
        "deploy/README.md",
        "deploy/slurm/README.md",
    ];
    found.extend(names.iter().map(|name| root().join(name)).filter(|path| path.is_file()));
    found.sort();
    found
}

/// Every use of `program` in the code blocks and code spans of the documents.
fn shown(program: &str) -> Vec<Shown> {
    let mut found = Vec::new();
    for path in documents() {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.strip_prefix(root()).unwrap().display().to_string();
        let mut fenced = false;
        for (i, line) in text.lines().enumerate() {
            if line.trim_start().starts_with("```") {
                fenced = !fenced;
                continue;
            }
            let pieces: Vec<&str> =
                if fenced { vec![line] } else { line.split('`').skip(1).step_by(2).collect() };
            for piece in pieces {
                if let Some(words) = words_after(program, piece) {
                    found.push(Shown { place: format!("{name}:{}", i + 1), words });
                }
            }
        }
    }
    found
}

/// The words of `line` after `program`, when that is what the line runs; comments and what follows a `|` or `&&` are left out.
fn words_after(program: &str, line: &str) -> Option<Vec<String>> {
    let line = line.trim().trim_start_matches("$ ");
    let rest = line.strip_prefix(program)?;
    if !rest.is_empty() && !rest.starts_with(' ') {
        return None;
    }
    let ends = ["#", "|", "&&", ";", ">", "\\"];
    Some(rest.split_whitespace().take_while(|word| !ends.contains(word)).map(str::to_owned).collect())
}

fn dev(arguments: &[&str]) -> Output {
    Command::new(root().join("dev")).args(arguments).output().expect("./dev runs")
}

/// The binary beside which this test was built; none when the test was built alone.
fn isoscope() -> Option<PathBuf> {
    let test = std::env::current_exe().unwrap();
    let binary = test.parent()?.parent()?.join(format!("isoscope{}", std::env::consts::EXE_SUFFIX));
    binary.is_file().then_some(binary)
}

#[test]
fn every_dev_command_shown_in_the_documents_exists() {
    let help = String::from_utf8(dev(&["help"]).stdout).unwrap();
    let listed: BTreeSet<&str> = help
        .lines()
        .filter_map(|line| line.strip_prefix("  "))
        .filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(listed.contains("demo") && listed.contains("test"), "./dev help lists its commands: {listed:?}");
    for command in shown("./dev") {
        if let Some(name) = command.names().first() {
            assert!(listed.contains(name), "{} shows ./dev {name}, which does not exist", command.place);
        }
        for option in command.options() {
            assert!(
                help.contains(option),
                "{} shows {option}, which ./dev help does not name",
                command.place
            );
        }
    }
}

#[test]
fn dev_refuses_a_command_it_does_not_have() {
    let output = dev(&["frobnicate"]);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no command frobnicate"));
}

#[test]
fn every_isoscope_command_shown_in_the_documents_exists() {
    let Some(binary) = isoscope() else {
        assert!(
            std::env::var_os("CI").is_none(),
            "the isoscope binary is not beside this test; ./dev test builds it"
        );
        eprintln!("skipped: the isoscope binary is not built, so the documents' commands were not tried");
        return;
    };
    let mut helps: BTreeMap<Vec<String>, Output> = BTreeMap::new();
    for command in shown("isoscope") {
        let names: Vec<String> = command.names().into_iter().map(str::to_owned).collect();
        let help = helps.entry(names.clone()).or_insert_with(|| {
            Command::new(&binary).args(&names).arg("--help").output().expect("isoscope runs")
        });
        let line = format!("isoscope {}", command.words.join(" "));
        assert!(help.status.success(), "{} shows `{line}`, which isoscope does not know", command.place);
        let text = String::from_utf8_lossy(&help.stdout);
        for option in command.options() {
            assert!(
                text.contains(option),
                "{} shows `{line}`, whose help does not name {option}",
                command.place
            );
        }
    }
}

#[test]
fn words_of_a_shown_command_end_at_a_comment_or_a_pipe() {
    assert_eq!(words_after("./dev", "$ ./dev test -p x  # all").unwrap(), ["test", "-p", "x"]);
    assert_eq!(
        words_after("isoscope", "isoscope run a.toml -o json | head").unwrap(),
        ["run", "a.toml", "-o", "json"]
    );
    assert!(words_after("isoscope", "isoscope-core is pure").is_none());
}
