//! Golden values held against what commands printed, and which of them were looked at.

use isoscope_tests::golden::{self, Golden};
use isoscope_tests::shell::{Shell, Values};
use isoscope_tests::vectors;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Deref;

/// A shell, and what of golden its commands were compared with.
pub(crate) struct Compared {
    shell: Shell,
    golden: BTreeMap<String, BTreeMap<String, Golden>>,
    seen: BTreeSet<(String, String)>,
    wrong: Vec<String>,
}

impl Deref for Compared {
    type Target = Shell;

    fn deref(&self) -> &Shell {
        &self.shell
    }
}

impl Compared {
    pub(crate) fn new() -> Self {
        let (seen, wrong) = (BTreeSet::new(), Vec::new());
        Self { shell: Shell::default(), golden: golden::all(), seen, wrong }
    }

    /// Holds every golden value of an input that `of` takes against what was found; one that is missing is wrong.
    pub(crate) fn compare(&mut self, input: &str, found: &Values, of: impl Fn(&str) -> bool) {
        let ids: Vec<String> = self.golden[input]
            .iter()
            .filter(|(id, golden)| of(id) && !golden.is_untestable())
            .map(|(id, _)| id.clone())
            .collect();
        assert!(!ids.is_empty(), "{input}: no golden value is looked at");
        for id in ids {
            match found.get(&id) {
                Some(value) => self.compare_as(input, &id, value),
                None => self.wrong.push(format!("{input} {id}: not printed")),
            }
        }
    }

    /// Holds one golden value against what was found.
    pub(crate) fn compare_as(&mut self, input: &str, id: &str, found: &Value) {
        let want = &self.golden[input][id];
        self.seen.insert((input.to_owned(), id.to_owned()));
        self.wrong.extend(golden::failure(input, id, found, want));
    }

    /// Fails when a value differed, or one that can be tested was never looked at; returns how many were.
    pub(crate) fn end(mut self) -> usize {
        for (input, ids) in &self.golden {
            let known = |id: &String| self.seen.contains(&(input.clone(), id.clone()));
            let unseen = ids.iter().filter(|(id, value)| !value.is_untestable() && !known(id));
            self.wrong.extend(unseen.map(|(id, _)| format!("{input} {id}: no command reaches it")));
        }
        let compared = self.seen.len();
        assert!(
            self.wrong.is_empty(),
            "{} of {compared} are wrong:\n{}",
            self.wrong.len(),
            self.wrong.join("\n")
        );
        compared
    }
}

/// Reads a golden vector of 32-bit whole numbers (`<i4`) or floats (`<f4`).
pub(crate) fn numbers(name: &str, dtype: &str) -> Vec<f64> {
    match dtype {
        "<f4" => vectors::scores(name),
        _ => vectors::labels(name).into_iter().map(|value| value as f64).collect(),
    }
}
