//! House rules that a machine can hold: sizes of files, lints, banned words. The reasons are in CONTRIBUTING.md.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

/// A file of the repository that holds text.
struct Source {
    /// Path from the root, with `/` between its parts.
    path: String,
    text: String,
}

impl Source {
    fn is(&self, extension: &str) -> bool {
        Path::new(&self.path).extension().is_some_and(|found| found == extension)
    }

    fn is_generated(&self) -> bool {
        self.text.lines().take(3).any(|line| line.contains("@generated"))
    }

    /// Lines with their numbers, from 1.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(i, line)| (i + 1, line))
    }
}

/// Every text file of the tree, read once.
static TREE: LazyLock<Vec<Source>> = LazyLock::new(|| {
    let root = root();
    let mut found = Vec::new();
    collect(&root, &root, &mut found);
    assert!(found.len() > 20, "the walk over {} found next to nothing", root.display());
    found
});

/// Folders that hold no sources.
const SKIPPED: [&str; 4] = ["target", "out", ".git", "node_modules"];

/// Longest allowed source file, in lines.
const LONGEST: usize = 500;

/// Crates that may say `unsafe`; each block states why it is sound.
const UNSAFE_CRATES: [&str; 4] = ["core/cuda", "core/plugin-abi", "core/plugin-sdk", "core/plugin-host"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the repository").to_owned()
}

fn collect(folder: &Path, root: &Path, found: &mut Vec<Source>) {
    let mut entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap().to_string_lossy();
        if path.is_symlink() || SKIPPED.contains(&name.as_ref()) {
            continue;
        }
        if path.is_dir() {
            collect(&path, root, found);
        } else if let Ok(text) = fs::read_to_string(&path) {
            let path = path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
            found.push(Source { path, text });
        }
    }
}

fn rust() -> impl Iterator<Item = &'static Source> {
    TREE.iter().filter(|source| source.is("rs") && !source.is_generated())
}

/// Folders of the workspace's crates, each with its manifest.
fn crates() -> impl Iterator<Item = (&'static str, &'static Source)> {
    TREE.iter().filter_map(|source| Some((source.path.strip_suffix("/Cargo.toml")?, source)))
}

fn report(rule: &str, offences: &[String]) {
    assert!(offences.is_empty(), "{rule}:\n  {}", offences.join("\n  "));
}

/// Reports each line of `sources` that contains one of `words` as a whole word.
fn ban_words<'a>(rule: &str, sources: impl Iterator<Item = &'a Source>, words: &[&str]) {
    let mut offences = Vec::new();
    for source in sources {
        for (number, line) in source.lines() {
            if let Some(word) = words.iter().find(|word| has_word(line, word)) {
                offences.push(format!("{}:{number}: `{word}`", source.path));
            }
        }
    }
    report(rule, &offences);
}

/// Whether `line` has `word` with no letter, digit or `_` glued to it; only the ends of `word` that are such count.
fn has_word(line: &str, word: &str) -> bool {
    let glues = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let (first, last) = (word.chars().next(), word.chars().next_back());
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + word.len()..].chars().next();
        let glued = (glues(before) && glues(first)) || (glues(last) && glues(after));
        !glued
    })
}

#[test]
fn no_source_file_is_longer_than_five_hundred_lines() {
    let long = rust().filter(|source| source.text.lines().count() > LONGEST);
    let offences: Vec<String> =
        long.map(|source| format!("{}: {}", source.path, source.text.lines().count())).collect();
    report("split these files by concept", &offences);
}

#[test]
fn unsafe_code_lives_in_three_crates() {
    let mut offences = Vec::new();
    for (folder, _) in crates().filter(|(folder, _)| !UNSAFE_CRATES.contains(folder)) {
        for root in ["src/lib.rs", "src/main.rs"] {
            let Some(source) = TREE.iter().find(|source| source.path == format!("{folder}/{root}")) else {
                continue;
            };
            if !source.text.contains("#![forbid(unsafe_code)]") && !is_export_only(folder, source) {
                offences.push(source.path.clone());
            }
        }
    }
    report("these crate roots lack #![forbid(unsafe_code)]", &offences);
}

/// Whether a crate is a dylib wrapper: one macro call that exports the plugin's symbol, and no `unsafe` written by hand.
fn is_export_only(folder: &str, source: &Source) -> bool {
    let code = source
        .lines()
        .map(|(_, line)| line.trim())
        .filter(|line| !line.is_empty() && !line.starts_with("//"));
    let code: Vec<&str> = code.collect();
    folder.ends_with("/dylib") && code.len() <= 3 && code.iter().all(|line| !has_word(line, "unsafe"))
}

#[test]
fn every_crate_takes_its_lints_from_the_workspace() {
    let lacks = crates().filter(|(_, manifest)| !manifest.text.contains("[lints]\nworkspace = true"));
    let offences: Vec<String> = lacks.map(|(folder, _)| folder.to_owned()).collect();
    report("these manifests lack `[lints] workspace = true`", &offences);
}

#[test]
fn every_crate_says_what_it_is() {
    let mut offences = Vec::new();
    for source in
        rust().filter(|source| source.path.ends_with("src/lib.rs") || source.path.ends_with("src/main.rs"))
    {
        let first = source.text.lines().find(|line| !line.trim().is_empty() && !line.starts_with("#!["));
        if !first.is_some_and(|line| line.starts_with("//! ") && line.len() > 20) {
            offences.push(source.path.clone());
        }
    }
    report("these crates do not begin with a `//!` sentence", &offences);
}

#[test]
fn nothing_is_left_for_later() {
    let words = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("X", "XX"),
        concat!("HA", "CK"),
        concat!("db", "g!"),
    ];
    ban_words("finish it, or write down why it is not done", rust(), &words);
}

#[test]
fn no_test_is_switched_off() {
    let words = [concat!("#[ign", "ore]"), concat!("#[ign", "ore =")];
    ban_words("a test runs or does not exist", rust(), &words);
}

#[test]
fn sources_name_no_folder_of_somebodys_machine() {
    let words = [
        concat!("/ho", "me/"),
        concat!("/ro", "ot/"),
        concat!("/t", "mp/"),
        concat!("/Us", "ers/"),
        concat!("C:", "\\"),
    ];
    let sources = TREE
        .iter()
        .filter(|source| ["rs", "toml", "proto", "h", "sh", "py"].iter().any(|ext| source.is(ext)));
    ban_words("ask the environment or make a temporary folder", sources, &words);
}

#[test]
fn the_tree_names_no_workplace() {
    let words = [
        concat!("/wo", "rk/"),
        concat!("shared/de", "sign"),
        concat!("index.crates", ".io"),
        concat!("py", "pi.org"),
    ];
    let sources = TREE.iter().filter(|source| source.path != "Cargo.lock");
    ban_words("the repository stands on its own", sources, &words);
}

#[test]
fn names_of_types_say_what_a_thing_is() {
    let empty = ["Manager", "Helper", "Helpers", "Util", "Utils", "Data", "Info"];
    let mut offences = Vec::new();
    for source in rust() {
        for (number, line) in source.lines() {
            let mut words =
                line.split(|c: char| !c.is_alphanumeric() && c != '_').skip_while(|word| word.is_empty());
            let mut previous = "";
            for word in words.by_ref().take(6) {
                let defines = ["struct", "enum", "trait", "type"].contains(&previous);
                if defines && empty.iter().any(|suffix| word.ends_with(suffix)) {
                    offences.push(format!("{}:{number}: {word}", source.path));
                }
                previous = word;
            }
        }
    }
    report("these names say nothing; take a word of the field", &offences);
}

#[test]
fn core_takes_time_chance_and_bytes_as_arguments() {
    let words =
        ["std::fs", "std::net", "std::env", "std::process", "std::thread", "Instant::now", "SystemTime::now"];
    let sources = rust().filter(|source| source.path.starts_with("core/src/"));
    ban_words("core is pure: pass it what it needs", sources, &words);
}

#[test]
fn the_scheduler_takes_the_time_as_an_argument() {
    let sources: Vec<&Source> =
        rust().filter(|source| source.path.starts_with("coordinator/src/scheduler/")).collect();
    assert!(!sources.is_empty(), "the scheduler moved; tell this test where");
    let words = ["std::fs", "std::net", "std::thread", "tokio", "Instant::now", "SystemTime::now"];
    ban_words("the scheduler is a state machine without I/O", sources.into_iter(), &words);
}

#[test]
fn text_files_end_their_lines_as_the_house_does() {
    let mut offences = Vec::new();
    for source in TREE.iter().filter(|source| !source.text.is_empty()) {
        let textual =
            ["rs", "toml", "md", "sh", "py", "proto", "h", "yaml", "yml"].iter().any(|ext| source.is(ext));
        if textual && source.text.contains('\r') {
            offences.push(format!("{}: carriage return", source.path));
        }
        if textual && !source.text.ends_with('\n') {
            offences.push(format!("{}: no line end at the end", source.path));
        }
    }
    report("plain line ends, and one at the end", &offences);
}

#[test]
fn a_word_is_found_whole() {
    assert!(has_word("let x = 1; // ONE", "ONE"));
    assert!(!has_word("let PHONE = 1", "ONE"));
    assert!(has_word("a/b/c", "/b/"));
}
