//! Every golden value by the program as people run it: the commands that reach each id, and the few values that no command can give.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod compared;
mod enhanced;

use compared::{Compared, numbers};
use isoscope_tests::shell::Shell;
use isoscope_tests::vectors;
use ndarray::{Array2, Axis, concatenate};
use serde_json::{Value, json};

/// Inputs that `--metric all` is asked of.
const CLOUDS: [&str; 14] = [
    "iso_gauss",
    "elongated",
    "clustered",
    "rogue",
    "common_mean",
    "tiny",
    "lowrank",
    "degenerate",
    "constdim",
    "bertlike",
    "overflow",
    "bigmean",
    "swiss",
    "sphere5",
];

/// Ids whose golden values are those of other parameters than the defaults, or of other spaces.
const NOT_BY_DEFAULT: [&str; 5] = ["cluster.", "enhance.", "topo.", "pairs.sampled", "pairs.informativity"];

/// `isoscope measure X.npy --metric all`: everything that needs no column.
fn everything(shell: &mut Compared) {
    for input in CLOUDS {
        let found = shell.measure(&[&shell.golden(input)], &["--metric", "all"]);
        shell.compare(input, &found, |id| !NOT_BY_DEFAULT.iter().any(|prefix| id.starts_with(prefix)));
    }
}

/// Families whose golden values belong to parameters of their own.
fn with_parameters(shell: &mut Compared) {
    let k_means = [("clustered", 6), ("bertlike", 8), ("bertlike", 1), ("bertlike", 3), ("bertlike", 9)];
    for (input, k) in k_means {
        let clusters = format!("clusters={k}");
        let arguments = ["--metric", "cluster", "--param", &clusters, "--param", "init=first_rows"];
        let found = shell.measure(&[&shell.golden(input)], &arguments);
        // Of the other numbers of clusters there is one golden value each.
        let ids = [format!("cluster.kmeans{k}_"), format!("_k{k}")];
        shell.compare(input, &found, |id| {
            id.starts_with("cluster.") && (id.starts_with(&ids[0]) || id.ends_with(&ids[1]))
        });
    }
    for input in ["iso_gauss", "clustered", "swiss"] {
        let arguments = ["--metric", "topo.h0", "--param", "rows=1200", "--param", "first=150"];
        let found = shell.measure(&[&shell.golden(input)], &arguments);
        shell.compare(input, &found, |id| id.starts_with("topo.h0"));
    }
    let pairs = format!("pairs={}", json!(vectors::pairs("pairs")));
    for input in ["rogue", "common_mean"] {
        for id in [
            "pairs.sampled_avg_cosine",
            "pairs.sampled_cc_top5_dims",
            "pairs.informativity_r2",
            "pairs.informativity_r2_l2",
        ] {
            let mut found = shell.measure(&[&shell.golden(input)], &["--metric", id, "--param", &pairs]);
            if let Some(Value::Array(dims)) = found.get_mut("pairs.sampled_cc_top5_dims") {
                // The golden list names the two dimensions that the cloud was made with; ours goes on to five.
                dims.truncate(2);
            }
            shell.compare(input, &found, |golden| golden == id);
        }
    }
    let mut found = shell.measure(&[&shell.golden("circle")], &["--metric", "topo.h1_intervals"]);
    // The golden list holds the birth and the death of each interval; ours are two lists.
    let intervals = found.get_mut("topo.h1_intervals").unwrap();
    let (birth, death) = (intervals["birth"].clone(), intervals["death"].clone());
    let both = birth.as_array().unwrap().iter().zip(death.as_array().unwrap());
    *intervals = both.map(|(birth, death)| json!([birth, death])).collect();
    shell.compare("circle", &found, |_| true);
}

/// `isoscope measure A.npy B.npy`: a file is not compared with itself, so the first pair takes a copy.
fn two_matrices(shell: &mut Compared) {
    let copy = shell.copy("cmpA", "copy.npy");
    let pairs = [
        ("cmpA|cmpA", copy),
        ("cmpA|cmpB", shell.golden("cmpB")),
        ("cmpA|cmpC", shell.golden("cmpC")),
        ("cmpA|cmpD", shell.golden("cmpD")),
    ];
    for (input, second) in pairs {
        let found = shell.measure(&[&shell.golden("cmpA"), &second], &["--metric", "all"]);
        shell.compare(input, &found, |_| true);
    }
    let first = [shell.golden("cmpA"), shell.golden("cmpB")];
    let found = shell.measure(&[&first[0], &first[1]], &["--metric", "compare.cka_linear"]);
    assert_eq!(found.len(), 1, "an id is that value alone: {found:?}");
    shell.compare("cmpA|cmpB", &found, |id| id == "compare.cka_linear");
}

/// Tokens with words, sentences, an attribute and gold scores in files of their own.
fn columns(shell: &mut Compared) {
    let tokens = shell.golden("tokens");
    let sentences = numbers("tokens_sent", "<i4");
    let scores = numbers("sts_gold", "<f4");
    let parity = shell.column("parity.txt", sentences.iter().map(|sentence| sentence % 2.0));
    let gold = shell.column("gold.txt", sentences.iter().map(|s| scores[*s as usize / 2]));
    let (words, sentence) =
        (shell.golden("tokens_word"), format!("sentence={}", shell.golden("tokens_sent")));
    let given = ["--groups", &words, "--labels", &parity, "--column", &sentence, "--column", &gold_of(&gold)]
        .map(str::to_owned);
    let measure = |shell: &Shell, more: &[&str]| {
        let mut arguments: Vec<&str> = given.iter().map(String::as_str).collect();
        arguments.extend(more);
        shell.measure(&[&tokens], &arguments)
    };
    let found = measure(shell, &["--metric", "grouped", "--param", "occurrences=1000"]);
    shell.compare("tokens", &found, |id| id.starts_with("grouped.") && id != "grouped.knn5_same_sentence");
    let found = measure(shell, &["--metric", "grouped.knn5_same_sentence", "--param", "group=sentence"]);
    shell.compare("tokens", &found, |id| id == "grouped.knn5_same_sentence");
    let found = measure(shell, &["--metric", "pairs.alignment"]);
    shell.compare("tokens", &found, |id| id.starts_with("pairs."));
    let steps = [
        ("baseline", ""),
        ("zero_mean", "zero_mean"),
        ("standardize", "standardize"),
        ("global_abtt_D1", r#"abtt:{"components":1}"#),
        ("global_abtt_D3", r#"abtt:{"components":3}"#),
        ("cluster_zm_k6", r#"cluster_zero_mean:{"clusters":6,"init":"first_rows"}"#),
        ("cluster_based_k6_p2", r#"cluster_based:{"clusters":6,"components":2,"init":"first_rows"}"#),
    ];
    for (name, step) in steps {
        let mut arguments = vec!["--metric", "sts", "--metric", "partition.log_I_pm"];
        if !step.is_empty() {
            arguments.extend(["--enhance", step]);
        }
        let found = measure(shell, &arguments);
        for (id, task) in [
            ("sts.spearman", "sts_spearman"),
            ("sts.pearson", "sts_pearson"),
            ("partition.log_I_pm", "log_I_pm"),
        ] {
            shell.compare_as("tokens", &format!("task.{task}_{name}"), &found[id]);
        }
    }
    pooled_sentences(shell, &sentences, &scores);
}

fn gold_of(file: &str) -> String {
    format!("gold={file}")
}

/// Enhancements fitted on sentence vectors. A matrix is taken as it is, so the tokens are averaged before the program sees them.
fn pooled_sentences(shell: &mut Compared, sentences: &[f64], scores: &[f64]) {
    let matrix = shell.write("pooled.npy", &pooled(&shell.matrix("tokens"), sentences));
    let pairs = scores.len();
    let sentence = shell.column("sentence.txt", (0..2 * pairs).map(|s| s as f64));
    let gold = shell.column("pair_gold.txt", (0..2 * pairs).map(|s| scores[s / 2]));
    let (sentence, gold) = (format!("sentence={sentence}"), gold_of(&gold));
    for (name, id) in [("whitening_sentence", "whitening"), ("rank_cosine", "rank_transform")] {
        let arguments =
            ["--metric", "sts.spearman", "--enhance", id, "--column", &sentence, "--column", &gold];
        let found = shell.measure(&[&matrix], &arguments);
        shell.compare_as("tokens", &format!("task.sts_spearman_{name}"), &found["sts.spearman"]);
    }
}

/// Means of the rows of each sentence; these are numbered from 0.
fn pooled(rows: &Array2<f64>, sentences: &[f64]) -> Array2<f64> {
    let last = *sentences.last().unwrap() as usize;
    let mut means = Array2::zeros((last + 1, rows.ncols()));
    let mut counts = vec![0.0; last + 1];
    for (row, sentence) in rows.rows().into_iter().zip(sentences) {
        let mut mean = means.row_mut(*sentence as usize);
        mean += &row;
        counts[*sentence as usize] += 1.0;
    }
    for (mut mean, count) in means.rows_mut().into_iter().zip(counts) {
        mean /= count;
    }
    means
}

/// Rows with classes, control labels, a target and the part that each belongs to; then words with their heads.
fn probes(shell: &mut Compared) {
    let features = shell.matrix("probe_X");
    let split = shell.column("split.txt", (0..700).map(|i| if i < 500 { "train" } else { "test" }));
    let target = features.rows().into_iter().map(|x| 0.5 * x[0] - x[3] + 0.2 * x[5] * x[5]);
    let target = shell.column("target.txt", target.map(|value| format!("{value:e}")));
    let labels = shell.golden("probe_y");
    let columns = [
        format!("split={split}"),
        format!("gold={target}"),
        format!("control={}", shell.golden("probe_control")),
    ];
    let mut arguments = vec!["--metric", "probe", "--labels", &labels];
    arguments.extend(columns.iter().flat_map(|column| ["--column", column]));
    for parameter in
        ["control=control", "draw=false", "order=rows", "fractions=[0.032,0.0625,0.125,0.25,0.5,1.0]"]
    {
        arguments.extend(["--param", parameter]);
    }
    let found = shell.measure(&[&shell.golden("probe_X")], &arguments);
    shell.compare("probe", &found, |_| true);

    // A dataset that is split has rows to train on: a sentence of two words more, which a probe that is given does not look at.
    let words = shell.matrix("sp_H");
    let more = words.slice_axis(Axis(0), (0..2).into());
    let words = shell.write("words.npy", &concatenate(Axis(0), &[words.view(), more]).unwrap());
    let of = |i: usize| i32::from(i >= 7) + i32::from(i >= 12);
    let heads = numbers("sp_heads", "<i4").into_iter().chain([0.0, 1.0]);
    let columns = [
        format!("sentence={}", shell.column("sentences.txt", (0..14).map(of))),
        format!(
            "split={}",
            shell.column("parts.txt", (0..14).map(|i| if i < 12 { "test" } else { "train" }))
        ),
        format!("head={}", shell.column("heads.txt", heads)),
    ];
    let matrix = format!("matrix={}", json!(shell.matrix("sp_B").iter().collect::<Vec<_>>()));
    let mut arguments = vec!["--metric", "probe.structural", "--param", &matrix];
    arguments.extend(columns.iter().flat_map(|column| ["--column", column]));
    let found = shell.measure(&[&words], &arguments);
    shell.compare("structural", &found, |_| true);
}

#[test]
fn every_golden_id_is_reached_from_the_shell_and_agrees() {
    let mut shell = Compared::new();
    everything(&mut shell);
    with_parameters(&mut shell);
    two_matrices(&mut shell);
    columns(&mut shell);
    probes(&mut shell);
    enhanced::rows(&mut shell);
    assert!(shell.end() > 980);
}
