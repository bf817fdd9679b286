//! Golden values of enhanced matrices and of sentence similarity after an enhancement, with ops as a host opens them: from the
//! built-in table, and from plugin files.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use isoscope_tests::dylibs;
use isoscope_tests::golden::{self, Golden};
use isoscope_tests::ops::{self, Cloud};
use isoscope_tests::vectors;
use isoscope_worker::PluginSet;
use isoscope_worker::dataset::npy::read_matrix;
use ndarray::Array2;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Inputs that the golden values enhance.
const ENHANCED: [&str; 3] = ["clustered", "rogue", "bertlike"];

/// Enhancements: name in the golden values, op, parameters.
const ENHANCEMENTS: [(&str, &str, &str); 11] = [
    ("zero_mean", "zero_mean", "{}"),
    ("standardize", "standardize", "{}"),
    ("abtt_D1", "abtt", r#"{"components": 1}"#),
    ("abtt_D3", "abtt", r#"{"components": 3}"#),
    ("abtt_literal_D1", "abtt_literal", r#"{"components": 1}"#),
    ("abtt_literal_D3", "abtt_literal", r#"{"components": 3}"#),
    ("whitening", "whitening", "{}"),
    ("whitening_k8", "whitening", r#"{"components": 8}"#),
    ("zca", "zca", "{}"),
    ("drop_top2_dims", "drop_dims", r#"{"dims": 2}"#),
    ("rank_transform", "rank_transform", "{}"),
];

/// Compares found values with golden values, and counts.
struct Comparison {
    golden: BTreeMap<String, BTreeMap<String, Golden>>,
    compared: usize,
    wrong: Vec<String>,
}

impl Comparison {
    fn new() -> Self {
        Self { golden: golden::all(), compared: 0, wrong: Vec::new() }
    }

    fn check(&mut self, input: &str, id: &str, found: &Value) {
        let want = &self.golden[input][id];
        self.compared += 1;
        self.wrong.extend(golden::disagreement(found, want).map(|why| format!("{input} {id}{why}")));
    }

    /// Checks those parts of a golden object that are in `found`, all of which it must have.
    fn check_parts(&mut self, input: &str, id: &str, found: &Map<String, Value>) {
        let want = &self.golden[input][id];
        for (part, value) in found {
            let golden = Golden {
                value: want.value[part].clone(),
                rtol: want.rtol,
                atol: want.atol,
                note: String::new(),
            };
            self.compared += 1;
            self.wrong
                .extend(golden::disagreement(value, &golden).map(|why| format!("{input} {id}.{part}{why}")));
        }
    }

    /// Ends the comparison; `compared` values must have been looked at.
    fn end(self, compared: usize) {
        assert!(
            self.wrong.is_empty(),
            "{} of {} differ:\n{}",
            self.wrong.len(),
            self.compared,
            self.wrong.join("\n")
        );
        assert_eq!(self.compared, compared);
    }
}

fn cloud(input: &str) -> Cloud {
    Cloud::new(read_matrix(golden::folder().join(format!("{input}.npy"))).unwrap())
}

/// Tokens with the sentence of each and the gold score of its pair: sentences 2p and 2p + 1 form pair p.
fn tokens() -> Cloud {
    let mut cloud = cloud("tokens");
    let (sentence, scores) = (vectors::labels("tokens_sent"), vectors::scores("sts_gold"));
    assert_eq!(sentence.len(), cloud.rows.nrows());
    cloud.columns.gold = sentence.iter().map(|&s| scores[usize::try_from(s).unwrap() / 2]).collect();
    cloud.columns.sentence = sentence;
    cloud
}

/// First rows of the pairs at about one and two thirds of the cloud.
fn thirds(cloud: &Cloud) -> Vec<usize> {
    let sentence = &cloud.columns.sentence;
    let pairs = sentence[sentence.len() - 1] / 2 + 1;
    [pairs / 3, 2 * pairs / 3].iter().map(|&pair| sentence.partition_point(|&s| s < 2 * pair)).collect()
}

fn fro(y: &Array2<f64>) -> f64 {
    y.iter().map(|v| v * v).sum::<f64>().sqrt()
}

fn cosine(y: &Array2<f64>, i: usize, j: usize) -> f64 {
    let (a, b) = (y.row(i), y.row(j));
    a.dot(&b) / (a.dot(&a) * b.dot(&b)).sqrt()
}

/// Greatest difference of the covariance from the identity.
fn distance_from_identity(cloud: &Cloud) -> f64 {
    let moments = cloud.moments();
    let second = moments.moments().second.as_ref().unwrap();
    let covariance = second.scatter() / (cloud.rows.nrows() as f64 - 1.0);
    let difference = covariance - Array2::<f64>::eye(cloud.rows.ncols());
    difference.iter().fold(0.0, |most, v| v.abs().max(most))
}

/// Compares the numbers that describe each enhanced matrix; returns nothing, for a difference fails.
fn compare_enhanced(plugins: &PluginSet) {
    let mut comparison = Comparison::new();
    for input in ENHANCED {
        let raw = cloud(input);
        for (name, op, params) in ENHANCEMENTS {
            let enhanced = ops::enhance(plugins, op, params, &raw);
            let y = &enhanced.rows;
            let mut found = Map::new();
            found.insert("fro".into(), json!(fro(y)));
            found.insert("cos_rows_0_1".into(), json!(cosine(y, 0, 1)));
            found.insert("cos_rows_2_3".into(), json!(cosine(y, 2, 3)));
            if op != "whitening" {
                // The sign of a whitened column is arbitrary.
                let first: Vec<f64> = y.row(0).iter().take(4).copied().collect();
                found.insert("row0_first4".into(), json!(first));
            }
            comparison.check_parts(input, &format!("enhance.{name}"), &found);
            if op == "abtt" {
                comparison.check(input, &format!("enhance.{name}_fro_check"), &json!(fro(y)));
            }
            if name == "whitening" {
                let distance = json!(distance_from_identity(&enhanced));
                comparison.check(input, "enhance.whitening_cov_is_identity", &distance);
            }
        }
    }
    // Four numbers of nine enhancements and three of two, two norms by another way, one covariance.
    comparison.end(3 * (9 * 4 + 2 * 3 + 2 + 1));
}

/// Compares the scores of sentence pairs and the isotropy of the token space after each step.
fn compare_tasks(plugins: &PluginSet) {
    let mut comparison = Comparison::new();
    let raw = tokens();
    let steps = [
        ("baseline", None),
        ("zero_mean", Some(("zero_mean", "{}"))),
        ("standardize", Some(("standardize", "{}"))),
        ("global_abtt_D1", Some(("abtt", r#"{"components": 1}"#))),
        ("global_abtt_D3", Some(("abtt", r#"{"components": 3}"#))),
    ];
    for (name, step) in steps {
        let y = step.map_or_else(|| raw.clone(), |(op, params)| ops::enhance(plugins, op, params, &raw));
        let sts = ops::evaluate(plugins, "sts", &y, &thirds(&y));
        assert_eq!(ops::number(&sts, "sts.pairs"), Some(80.0));
        let isotropy = ops::evaluate(plugins, "partition.uncentered", &y, &[200, 900]);
        let numbers = [
            ("sts_spearman", ops::number(&sts, "sts.spearman")),
            ("sts_pearson", ops::number(&sts, "sts.pearson")),
            ("log_I_pm", ops::number(&isotropy, "partition.log_I_pm")),
        ];
        for (metric, found) in numbers {
            comparison.check("tokens", &format!("task.{metric}_{name}"), &json!(found));
        }
    }
    let sentences = raw.pooled();
    for (name, op) in [("whitening_sentence", "whitening"), ("rank_cosine", "rank_transform")] {
        let y = ops::enhance(plugins, op, "{}", &sentences);
        let sts = ops::evaluate(plugins, "sts", &y, &thirds(&y));
        comparison.check(
            "tokens",
            &format!("task.sts_spearman_{name}"),
            &json!(ops::number(&sts, "sts.spearman")),
        );
    }
    comparison.end(5 * 3 + 2);
}

#[test]
fn built_in_enhancements_map_rows_as_the_golden_values_say() {
    compare_enhanced(&PluginSet::built_in().unwrap());
}

#[test]
fn built_in_ops_score_sentence_pairs_as_the_golden_values_say() {
    compare_tasks(&PluginSet::built_in().unwrap());
}

#[test]
fn plugin_files_map_rows_and_score_sentence_pairs_as_the_golden_values_say() {
    let plugins = dylibs::load();
    compare_enhanced(&plugins);
    compare_tasks(&plugins);
}
