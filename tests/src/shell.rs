//! The program as a person at a shell runs it: in a directory of its own, with its state there, on files that lie there.

use crate::{golden, process, vectors};
use isoscope_worker::dataset::npy::read_matrix;
use ndarray::Array2;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

/// Values by id; where there is none, the reason stands as a string.
pub type Values = BTreeMap<String, Value>;

/// A directory to run the program in.
pub struct Shell {
    place: TempDir,
}

impl Default for Shell {
    /// Makes an empty directory.
    ///
    /// # Panics
    /// When it cannot be made.
    fn default() -> Self {
        Self { place: tempfile::tempdir().expect("a temporary directory") }
    }
}

impl Shell {
    /// The directory.
    #[must_use]
    pub fn here(&self) -> &Path {
        self.place.path()
    }

    /// Runs the program without settings of the surroundings.
    ///
    /// # Panics
    /// When it cannot be started.
    #[must_use]
    pub fn output(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(process::program());
        command.current_dir(self.here()).args(arguments).env("XDG_CACHE_HOME", self.here().join("cache"));
        let ours = |name: &std::ffi::OsStr| name.to_string_lossy().starts_with("ISOSCOPE");
        for (name, _) in std::env::vars_os().filter(|(name, _)| ours(name)) {
            command.env_remove(name);
        }
        command.output().expect("the program can be started")
    }

    /// Runs the program and returns what it printed.
    ///
    /// # Panics
    /// When it does not succeed.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("the program prints text")
    }

    /// Runs the program, which must refuse its input with exit code 2, and returns its message.
    ///
    /// # Panics
    /// When it does anything else.
    #[must_use]
    pub fn refused(&self, arguments: &[&str]) -> String {
        let output = self.output(arguments);
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
        message
    }

    /// `isoscope measure MATRICES ARGUMENTS -o json`, as it is printed: a list of objects.
    ///
    /// # Panics
    /// When it does not succeed.
    #[must_use]
    pub fn printed(&self, matrices: &[&str], arguments: &[&str]) -> Vec<Value> {
        let all = [&["measure"], matrices, arguments, &["-o", "json"]].concat();
        serde_json::from_str(&self.run(&all)).expect("a JSON array is printed")
    }

    /// The same as values by id.
    ///
    /// # Panics
    /// When it does not succeed.
    #[must_use]
    pub fn measure(&self, matrices: &[&str], arguments: &[&str]) -> Values {
        let entry = |value: Value| {
            let found = if value["value"].is_null() { &value["status"] } else { &value["value"] };
            (value["id"].as_str().unwrap_or_default().to_owned(), found.clone())
        };
        self.printed(matrices, arguments).into_iter().map(entry).collect()
    }

    /// Path of a golden matrix or vector.
    #[must_use]
    pub fn golden(&self, name: &str) -> String {
        golden::folder().join(format!("{name}.npy")).display().to_string()
    }

    /// Reads a golden matrix.
    ///
    /// # Panics
    /// When it is not in the tree.
    #[must_use]
    pub fn matrix(&self, name: &str) -> Array2<f64> {
        read_matrix(self.golden(name)).expect("the matrix is in the tree")
    }

    /// Copies a golden matrix and returns the name of the copy.
    ///
    /// # Panics
    /// When it cannot be copied.
    #[allow(clippy::must_use_candidate)] // the name is known to who gave it
    pub fn copy(&self, name: &str, to: &str) -> String {
        fs::copy(self.golden(name), self.here().join(to)).expect("the matrix can be copied");
        to.to_owned()
    }

    /// Writes a column with one value a line and returns its name.
    ///
    /// # Panics
    /// When it cannot be written.
    pub fn column<T: ToString>(&self, name: &str, values: impl IntoIterator<Item = T>) -> String {
        let lines: Vec<String> = values.into_iter().map(|value| value.to_string()).collect();
        fs::write(self.here().join(name), lines.join("\n") + "\n").expect("the column can be written");
        name.to_owned()
    }

    /// Writes a matrix, n×d, and returns its name.
    ///
    /// # Panics
    /// When it cannot be written.
    #[allow(clippy::must_use_candidate)] // the name is known to who gave it
    pub fn write(&self, name: &str, rows: &Array2<f64>) -> String {
        vectors::write(&self.here().join(name), rows);
        name.to_owned()
    }
}
