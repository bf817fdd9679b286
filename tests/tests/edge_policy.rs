//! Every line of the golden file's policy for odd input, and what bad input gets, by the program as people run it: a reason in the
//! row, the other rows unharmed, never a NaN.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use isoscope_tests::golden::{self, Golden};
use isoscope_tests::shell::{Shell, Values};
use ndarray::{Array2, Axis, concatenate};
use serde_json::{Value, json};
use std::fs;

/// Lines of the policy; each has a test below whose name begins with it.
const LINES: [&str; 6] = ["nan_or_inf_input", "zero_rows", "constant_dims", "n_lt_d", "n_lt_2", "duplicates"];

#[test]
fn the_policy_has_the_lines_that_are_tested_here_and_no_other() {
    let text = fs::read_to_string(golden::folder().join("golden.json")).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    let mut lines: Vec<&String> = file["edge_policy"].as_object().unwrap().keys().collect();
    let mut tested = LINES.to_vec();
    lines.sort_unstable();
    tested.sort_unstable();
    assert_eq!(lines, tested);
    let own = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/edge_policy.rs")).unwrap();
    for line in LINES {
        assert!(own.contains(&format!("fn {line}_")), "{line} has no test");
    }
}

/// Tells whether a null is anywhere in a value.
fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.iter().any(has_null),
        Value::Object(parts) => parts.values().any(has_null),
        _ => false,
    }
}

/// Asserts that every null has a reason and every reason a null, and that no number was a NaN; returns what was printed by id, reasons
/// in the place of nulls.
fn honest(printed: &[Value]) -> Values {
    let mut values = Values::new();
    for entry in printed {
        let (value, status) = (&entry["value"], entry["status"].as_str().unwrap());
        assert_eq!(has_null(value), status != "ok", "{entry}");
        assert!(!status.is_empty() && !status.contains("NaN"), "{entry}");
        let found = if value.is_null() { &entry["status"] } else { value };
        values.insert(entry["id"].as_str().unwrap().to_owned(), found.clone());
    }
    assert!(!values.is_empty());
    values
}

fn rows(n: usize, d: usize) -> Array2<f64> {
    Array2::from_shape_fn((n, d), |(i, j)| ((i * 31 + j * 17) as f64 * 0.61).sin() * (1.0 + j as f64) + 0.3)
}

/// Measures everything that needs no column.
fn everything(shell: &Shell, matrix: &str) -> Values {
    honest(&shell.printed(&[matrix], &["--metric", "all"]))
}

#[test]
fn nan_or_inf_input_is_refused_by_row_or_dropped_and_counted() {
    let shell = Shell::default();
    let mut broken = rows(40, 3);
    broken[[3, 1]] = f64::NAN;
    broken[[17, 0]] = f64::INFINITY;
    shell.write("X.npy", &broken);
    let message = shell.refused(&["measure", "X.npy"]);
    assert!(message.contains("row 3") || message.contains("row 17"), "{message}");

    let kept: Vec<usize> = (0..40).filter(|i| ![3, 17].contains(i)).collect();
    shell.write("Y.npy", &broken.select(Axis(0), &kept));
    let ids = ["--metric", "moments", "--metric", "spectrum", "--metric", "angular"];
    let dropped = honest(&shell.printed(&["X.npy"], &[&ids[..], &["--drop-nonfinite"]].concat()));
    // The rows are cut into other shards, so the last digits may differ.
    for (id, value) in honest(&shell.printed(&["Y.npy"], &ids)) {
        let wanted = Golden { value, rtol: 1e-9, atol: 1e-12, note: String::new() };
        assert_eq!(golden::disagreement(&dropped[&id], &wanted), None, "{id}");
    }

    let study = json!({
        "name": "drop", "nonfinite": "drop",
        "dataset": [{"name": "x", "source": "X.npy"}], "metric": [{"id": "moments.scatter_trace"}],
    });
    fs::write(shell.here().join("study.json"), study.to_string()).unwrap();
    let _ = shell.run(&["run", "study.json", "--out", "out"]);
    let manifest = fs::read_to_string(shell.here().join("out/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!(manifest["subjects"][0]["tally"]["nonfinite_rows"], 2);
}

#[test]
fn zero_rows_count_in_moments_and_z_and_are_dropped_from_cosines() {
    let shell = Shell::default();
    let plain = rows(30, 3);
    shell.write("X.npy", &plain);
    shell.write("Y.npy", &concatenate(Axis(0), &[plain.view(), Array2::zeros((2, 3)).view()]).unwrap());
    let (without, with) = (everything(&shell, "X.npy"), everything(&shell, "Y.npy"));
    let number = |values: &Values, id: &str| values[id].as_f64().unwrap();
    assert_eq!(with["angular.zero_rows"], json!(2));
    for cosine in ["angular.avg_cosine", "angular.mean_resultant_length"] {
        let (a, b) = (number(&without, cosine), number(&with, cosine));
        assert!((a - b).abs() < 1e-12, "{cosine}: {a} {b}");
    }
    // Zero rows leave XᵀX and its eigenvectors as they are, and each adds exp(0) to Z in every direction.
    let sums = |values: &Values| {
        let list = values["partition.logZ_plus"].as_array().unwrap().clone();
        list.iter().map(|log| log.as_f64().unwrap().exp()).collect::<Vec<f64>>()
    };
    for (a, b) in sums(&without).iter().zip(sums(&with)) {
        assert!((b - a - 2.0).abs() < 1e-9 * b, "{a} {b}");
    }
    assert!(number(&with, "moments.mean_vector_norm") < number(&without, "moments.mean_vector_norm"));
}

#[test]
fn constant_dims_are_named_and_standardising_divides_them_by_nothing() {
    let shell = Shell::default();
    let matrix = shell.golden("constdim");
    assert_eq!(everything(&shell, &matrix)["moments.const_dims"], json!([2]));
    let metrics =
        ["--metric", "moments", "--metric", "spectrum", "--metric", "angular", "--metric", "partition"];
    let arguments = [&metrics[..], &["--enhance", "standardize"]].concat();
    let found = honest(&shell.printed(&[&matrix], &arguments));
    assert_eq!(found["moments.const_dims"], json!([2]));
    assert!((found["moments.dim_std"]["max"].as_f64().unwrap() - 1.0).abs() < 1e-9);
    assert_eq!(found["moments.mean"].as_array().unwrap()[2], json!(0));
}

#[test]
fn n_lt_d_has_the_score_of_its_rank_and_whitening_stops_at_the_rank() {
    let shell = Shell::default();
    let (matrix, golden) = (shell.golden("tiny"), golden::all());
    let found = everything(&shell, &matrix);
    for id in ["spectrum.isoscore", "spectrum.isoscore_star_zeta0.2"] {
        assert_eq!(golden::disagreement(&found[id], &golden["tiny"][id]), None);
    }
    // Eight rows vary along seven directions.
    for k in [7, 8, 12] {
        let whitening = format!(r#"whitening:{{"components":{k}}}"#);
        let arguments = ["--metric", "spectrum.isoscore", "--metric", "moments", "--enhance", &whitening];
        let found = honest(&shell.printed(&[&matrix], &arguments));
        let score = &found["spectrum.isoscore"];
        let white = score.as_f64().is_some_and(|score| (score - 1.0).abs() < 1e-9);
        assert!(white || score.as_str().is_some_and(|reason| reason.contains('7')), "k = {k}: {score}");
    }
}

#[test]
fn n_lt_2_has_no_second_moments() {
    let shell = Shell::default();
    shell.write("X.npy", &rows(1, 4));
    let found = everything(&shell, "X.npy");
    for (id, value) in &found {
        if id.starts_with("spectrum.cov")
            || id.starts_with("spectrum.isoscore")
            || id == "spectrum.participation_ratio"
        {
            assert!(value.is_string(), "{id}: {value}");
        }
    }
    assert!(found["angular.avg_cosine_n2"].is_number() || found["angular.avg_cosine_n2"].is_string());
    assert!(found["angular.avg_cosine"].is_string(), "one row has no pair");
    assert!(found["moments.norm"]["mean"].is_number(), "what one row has is there");
}

#[test]
fn duplicates_are_dropped_from_ratios_and_counted() {
    let shell = Shell::default();
    let printed = shell.printed(&[&shell.golden("degenerate")], &["--metric", "neigh"]);
    let found = honest(&printed);
    assert_eq!(found["neigh.duplicate_rows"], json!(6), "rows 60 = 61 and 89 = 90 = 91 = 92");
    let twonn = printed.iter().find(|entry| entry["id"] == "neigh.twonn").unwrap();
    assert!(twonn["value"].as_f64().unwrap() > 0.0);
    assert_eq!(twonn["n"], json!(120 - 6));
}

/// Ids whose value is a reason.
fn without_value<'a>(found: &'a Values, prefix: &str) -> Vec<(&'a str, &'a str)> {
    let of = found.iter().filter(|(id, _)| id.starts_with(prefix));
    of.filter_map(|(id, value)| Some((id.as_str(), value.as_str()?))).collect()
}

#[test]
fn labels_that_are_missing_or_of_one_class_give_reasons_and_harm_nothing_else() {
    let shell = Shell::default();
    shell.write("X.npy", &rows(60, 5));
    let split = shell.column("split.txt", (0..60).map(|i| if i % 3 == 0 { "test" } else { "train" }));
    let split = format!("split={split}");
    let one = shell.column("one.txt", (0..60).map(|_| "a"));
    let missing = shell.column(
        "missing.txt",
        (0..60).map(|i| {
            if i % 3 == 0 {
                ""
            } else if i % 2 == 0 {
                "a"
            } else {
                "b"
            }
        }),
    );
    let none = shell.column("none.txt", (0..60).map(|_| ""));
    for (labels, value) in [
        (&one, "probe.logreg_task_test_ce_bits"),
        (&missing, "probe.logreg_task_test_accuracy"),
        (&none, "probe.fisher_trace"),
    ] {
        let arguments = ["--labels", labels, "--column", &split, "--metric", "probe", "--metric", "spectrum"];
        let found = honest(&shell.printed(&["X.npy"], &arguments));
        assert!(found[value].is_string(), "{labels}: {}", found[value]);
        assert!(found["spectrum.isoscore"].is_number());
        assert_eq!(without_value(&found, "spectrum."), []);
    }
}

#[test]
fn groups_of_one_row_give_reasons_and_harm_nothing_else() {
    let shell = Shell::default();
    shell.write("X.npy", &rows(60, 3));
    let words = shell.column("words.txt", (0..60).map(|i| format!("word{i}")));
    let sentence = format!("sentence={}", shell.column("sentence.txt", 0..60));
    let arguments = ["--groups", &words, "--column", &sentence, "--metric", "grouped", "--metric", "moments"];
    let found = honest(&shell.printed(&["X.npy"], &arguments));
    assert!(found["grouped.self_similarity_mean"].is_string() && found["grouped.mev_mean"].is_string());
    assert!(found["grouped.freq_linear_r2"].is_string(), "all frequencies are equal");
    assert!(found["grouped.baseline_avg_cosine"].is_number(), "what needs no group is there");
    assert!(found["moments.norm"]["mean"].is_number());
}

#[test]
fn more_neighbours_or_clusters_than_rows_give_reasons_and_harm_nothing_else() {
    let shell = Shell::default();
    let found = everything(&shell, &shell.golden("tiny"));
    assert!(found["neigh.mle_k20_mean"].as_str().unwrap().contains("rows"));
    assert!(found["neigh.twonn"].is_number(), "two neighbours there are");
    assert!(found["cluster.kmeans9_inertia"].as_str().unwrap().contains("9 clusters"));
    assert!(found["spectrum.isoscore"].is_number());
}

#[test]
fn rows_that_are_all_equal_give_reasons_where_nothing_varies() {
    let shell = Shell::default();
    shell.write("X.npy", &Array2::from_shape_fn((50, 3), |(_, j)| 0.1 + j as f64));
    let found = everything(&shell, "X.npy");
    for id in
        ["spectrum.isoscore", "spectrum.effective_rank_centered", "neigh.twonn", "cluster.kmeans9_inertia"]
    {
        assert!(found[id].is_string(), "{id}: {}", found[id]);
    }
    assert!((found["angular.avg_cosine"].as_f64().unwrap() - 1.0).abs() < 1e-12);
}

#[test]
fn as_many_directions_as_the_rank_leave_nothing_and_say_so() {
    let shell = Shell::default();
    let matrix = shell.golden("lowrank");
    for directions in [5, 6, 24, 40] {
        let enhance = format!(r#"abtt:{{"components":{directions}}}"#);
        let arguments =
            ["--metric", "spectrum", "--metric", "angular", "--metric", "partition", "--enhance", &enhance];
        let found = honest(&shell.printed(&[&matrix], &arguments));
        assert!(found["spectrum.isoscore"].is_string(), "D = {directions}: {}", found["spectrum.isoscore"]);
    }
}

#[test]
fn numbers_near_the_ends_of_the_range_give_values_or_reasons() {
    let shell = Shell::default();
    for (name, scale) in [("huge.npy", 1e150), ("tiny.npy", 1e-150), ("overflow.npy", 1e300)] {
        shell.write(name, &(rows(40, 3) * scale));
        let _ = everything(&shell, name);
        shell.write("Y.npy", &(rows(40, 3) * (2.0 * scale)));
        let _ = honest(&shell.printed(&[name, "Y.npy"], &["--metric", "all"]));
    }
}
