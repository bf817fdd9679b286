//! The classes of a task: who has which label, on which side.

use std::collections::BTreeMap;

use isoscope_plugin_sdk::prelude::*;

use crate::hash;
use crate::labels::Side;

/// Rows of each key, by side. Keys are labels, or word types whose labels are drawn.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Tally {
    train: BTreeMap<String, u64>,
    test: BTreeMap<String, u64>,
}

impl Tally {
    fn side(&mut self, side: Side) -> &mut BTreeMap<String, u64> {
        match side {
            Side::Train => &mut self.train,
            Side::Test => &mut self.test,
        }
    }

    pub(crate) fn count(&mut self, side: Side, key: &str) {
        match self.side(side).get_mut(key) {
            Some(count) => *count += 1,
            None => drop(self.side(side).insert(key.to_owned(), 1)),
        }
    }

    pub(crate) fn merge(&mut self, other: Self) {
        for (mine, more) in [(&mut self.train, other.train), (&mut self.test, other.test)] {
            for (key, count) in more {
                *mine.entry(key).or_default() += count;
            }
        }
    }

    /// Turns the keys of word types into their drawn labels.
    pub(crate) fn drawn(&self, draw: &Draw) -> Self {
        let labels = |types: &BTreeMap<String, u64>| {
            let mut labels: BTreeMap<String, u64> = BTreeMap::new();
            for (word, count) in types {
                *labels.entry(draw.label(word).to_owned()).or_default() += count;
            }
            labels
        };
        Self { train: labels(&self.train), test: labels(&self.test) }
    }

    /// Settles the classes.
    pub(crate) fn classes(&self) -> Classes {
        let known = |(name, _): &(&String, &u64)| !self.train.contains_key(*name);
        Classes {
            names: self.train.keys().cloned().collect(),
            train: self.train.values().copied().collect(),
            test: self.train.keys().map(|name| self.test.get(name).copied().unwrap_or(0)).collect(),
            unseen: self.test.iter().filter(known).map(|(_, count)| count).sum(),
        }
    }
}

/// The labels of the training rows in order, with how often each occurs on either side.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Classes {
    pub(crate) names: Vec<String>,
    /// Training rows of each class.
    pub(crate) train: Vec<u64>,
    /// Test rows of each class.
    test: Vec<u64>,
    /// Test rows whose label no training row has.
    pub(crate) unseen: u64,
}

impl Classes {
    /// Finds the place of a label; `None` when no training row has it.
    pub(crate) fn index(&self, label: &str) -> Option<usize> {
        self.names.binary_search_by(|name| name.as_str().cmp(label)).ok()
    }

    pub(crate) fn train_rows(&self) -> u64 {
        self.train.iter().sum()
    }

    /// Test rows whose label was seen in training.
    pub(crate) fn known_test_rows(&self) -> u64 {
        self.test.iter().sum()
    }

    pub(crate) fn test_rows(&self) -> u64 {
        self.known_test_rows() + self.unseen
    }

    /// Mean cross-entropy of the test labels under the frequencies of the training labels, in bits; `None` without a test
    /// row whose label was seen.
    pub(crate) fn label_bits(&self) -> Option<f64> {
        let (train, test) = (self.train_rows() as f64, self.known_test_rows());
        let bits = |(train_k, test_k): (&u64, &u64)| *test_k as f64 * (train / *train_k as f64).log2();
        (test > 0).then(|| self.train.iter().zip(&self.test).map(bits).sum::<f64>() / test as f64)
    }
}

/// Draws the control label of a word type: once, from the frequencies of the task's training labels, by a hash of the seed
/// and the type (Hewitt & Liang 2019, section 2).
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Draw {
    seed: u64,
    names: Vec<String>,
    /// Training rows up to and with each label.
    until: Vec<u64>,
}

impl Draw {
    pub(crate) fn new(seed: u64, task: &Classes) -> Self {
        let mut total = 0;
        let until = task.train.iter().map(|count| {
            total += count;
            total
        });
        Self { seed, until: until.collect(), names: task.names.clone() }
    }

    /// Returns the label of a type; empty when no training row has a label.
    pub(crate) fn label(&self, word: &str) -> &str {
        let total = self.until.last().copied().unwrap_or(0);
        let drawn = hash::below(hash::of_text(self.seed, word), total);
        self.names.get(self.until.partition_point(|&until| until <= drawn)).map_or("", String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(train: &[(&str, u64)], test: &[(&str, u64)]) -> Tally {
        let map = |of: &[(&str, u64)]| of.iter().map(|(k, n)| ((*k).to_owned(), *n)).collect();
        Tally { train: map(train), test: map(test) }
    }

    #[test]
    fn labels_of_test_rows_alone_are_unseen() {
        let classes = tally(&[("a", 3), ("b", 1)], &[("b", 2), ("c", 5)]).classes();
        assert_eq!(classes.names, ["a", "b"]);
        assert_eq!((classes.unseen, classes.test_rows(), classes.known_test_rows()), (5, 7, 2));
        assert_eq!(classes.label_bits(), Some(2.0));
        assert_eq!(classes.index("c"), None);
    }

    #[test]
    fn control_labels_follow_the_frequencies_of_the_task() {
        let task = tally(&[("a", 700), ("b", 300)], &[]).classes();
        let draw = Draw::new(5, &task);
        let a = (0..2000).filter(|i| draw.label(&format!("word{i}")) == "a").count();
        assert!((1320..1480).contains(&a), "{a}");
        assert_eq!(draw.label("cat"), draw.label("cat"));
        assert_eq!(Draw::new(5, &Classes::default()).label("cat"), "");
    }
}
