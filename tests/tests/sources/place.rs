//! A directory to run the program in, with an environment of its own.

use isoscope_tests::hub::Hub;
use isoscope_tests::process::program;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// What every encoder here consists of.
pub(crate) const FILES: [&str; 3] = ["config.json", "model.safetensors", "tokenizer.json"];

/// The directory of a small encoder.
pub(crate) fn fixture(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie in the workspace");
    root.join("core/encoders/tests/fixtures").join(name)
}

/// A directory, its caches in it, and the variables of its environment.
pub(crate) struct Place {
    directory: TempDir,
    variables: BTreeMap<&'static str, String>,
}

impl Place {
    /// Makes a directory with a text of three lines.
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("t.txt"), "The old bridges.\nRain\nboats and the king\n").unwrap();
        let at = |name: &str| directory.path().join(name).display().to_string();
        let variables = [("HOME", at("home")), ("XDG_CACHE_HOME", at("cache")), ("HF_HOME", at("hf"))];
        Self { directory, variables: variables.into() }
    }

    /// Likewise, and the endpoint is that of a hub.
    pub(crate) fn at(hub: &Hub) -> Self {
        Self::new().with("HF_ENDPOINT", &hub.url())
    }

    /// Sets a variable.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Self {
        self.variables.insert(name, value.to_owned());
        self
    }

    pub(crate) fn here(&self) -> &Path {
        self.directory.path()
    }

    /// The program, not yet started, with nothing of the surroundings that could tell it where encoders lie.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        command.current_dir(self.here()).args(arguments);
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy().to_ascii_uppercase();
            let tells = ["ISOSCOPE", "HF_", "AWS_"].iter().any(|start| text.starts_with(start));
            if tells || text.ends_with("_PROXY") {
                command.env_remove(&name);
            }
        }
        command.envs(&self.variables);
        command
    }

    pub(crate) fn output(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Encodes the text by an encoder into `out`; returns what was logged.
    pub(crate) fn encode(&self, model: &str, out: &str) -> String {
        let output = self.output(&["--log", "info", "encode", model, "--data", "t.txt", "--out", out]);
        let logged = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{model}: {logged}");
        logged
    }

    /// Fails to encode, with exit code 2, and returns the message.
    pub(crate) fn refused(&self, model: &str) -> String {
        let output = self.output(&["encode", model, "--data", "t.txt", "--out", "refused"]);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{model}: {message}");
        assert!(!self.here().join("refused").is_dir(), "{model} left vectors behind");
        message
    }

    /// What was encoded: every file but the manifest, by name.
    pub(crate) fn vectors(&self, out: &str) -> BTreeMap<String, Vec<u8>> {
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(self.here().join(out)).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            if name != "manifest.json" {
                files.insert(name, fs::read(entry.path()).unwrap());
            }
        }
        assert!(files.len() > 2, "{out} holds next to nothing");
        files
    }

    /// The revision that the manifest of what was encoded names.
    pub(crate) fn revision(&self, out: &str) -> String {
        let text = fs::read(self.here().join(out).join("manifest.json")).unwrap();
        let manifest: serde_json::Value = serde_json::from_slice(&text).unwrap();
        manifest["model"]["revision"].as_str().unwrap().to_owned()
    }

    /// Files below a folder, by their paths from it, links among them; none when there is no such folder.
    pub(crate) fn kept(&self, folder: &str) -> Vec<String> {
        let root = self.here().join(folder);
        let (mut open, mut found) = (vec![root.clone()], Vec::new());
        while let Some(folder) = open.pop() {
            let Ok(entries) = fs::read_dir(folder) else { continue };
            for path in entries.map(|entry| entry.unwrap().path()) {
                if path.is_dir() {
                    open.push(path);
                } else {
                    found.push(path.strip_prefix(&root).unwrap().display().to_string());
                }
            }
        }
        found.sort();
        found
    }
}
