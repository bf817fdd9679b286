//! Golden values of enhanced clouds: `isoscope run` measures and fits, `isoscope apply` maps the rows.

use crate::compared::Compared;
use isoscope_worker::dataset::npy::read_matrix;
use ndarray::{Array2, Axis};
use serde_json::{Map, Value, json};
use std::fs;

/// Metrics of a space by the key of the golden object.
const METRICS: [(&str, &str); 3] = [
    ("avg_cosine", "angular.avg_cosine"),
    ("isoscore", "spectrum.isoscore"),
    ("log_I_pm", "partition.log_I_pm"),
];

/// Spaces by their golden names; the clusters of an input are those of its golden labels.
fn spaces(clusters: u64) -> Vec<Value> {
    let space = |name: &str, id: &str, parameters: Value| {
        let mut entry = json!({"name": name, "id": id});
        entry.as_object_mut().unwrap().extend(parameters.as_object().unwrap().clone());
        entry
    };
    let based = json!({"clusters": clusters, "init": "first_rows", "components": 2});
    vec![
        space("zero_mean", "zero_mean", json!({})),
        space("standardize", "standardize", json!({})),
        space("abtt_D1", "abtt", json!({"components": 1})),
        space("abtt_D3", "abtt", json!({"components": 3})),
        space("abtt_literal_D1", "abtt_literal", json!({"components": 1})),
        space("abtt_literal_D3", "abtt_literal", json!({"components": 3})),
        space("whitening", "whitening", json!({})),
        space("whitening_k8", "whitening", json!({"components": 8})),
        space("zca", "zca", json!({})),
        space("drop_top2_dims", "drop_dims", json!({"dims": 2})),
        space("rank_transform", "rank_transform", json!({})),
        space("cluster_zero_mean", "cluster_zero_mean", json!({"clusters": clusters, "init": "first_rows"})),
        space("cluster_based_p2", "cluster_based", based),
    ]
}

/// Compares the metrics of every space, and its rows.
pub(crate) fn rows(shell: &mut Compared) {
    for (input, clusters) in [("clustered", 6), ("rogue", 1), ("bertlike", 8)] {
        let metrics: Vec<Value> = METRICS.iter().map(|(_, id)| json!({"id": id})).collect();
        let matrix = shell.golden(input);
        let study = json!({
            "name": input,
            "dataset": [{"name": input, "source": matrix}],
            "enhancement": spaces(clusters),
            "metric": metrics,
        });
        fs::write(shell.here().join("study.json"), study.to_string()).unwrap();
        let printed = shell.run(&["run", "study.json", "--out", input, "-o", "json"]);
        let measured: Vec<Value> = serde_json::from_str(&printed).unwrap();
        for space in spaces(clusters) {
            let name = space["name"].as_str().unwrap();
            let artefact = format!("{input}/transforms/{input}.layer00.{name}.safetensors");
            let _ = shell.run(&["apply", &artefact, &matrix, "-o", "Y.npy", "--f64"]);
            let y = read_matrix(shell.here().join("Y.npy")).unwrap();
            let mut found = described(&y);
            for (key, metric) in METRICS {
                let row = measured.iter().find(|row| row["space"] == name && row["metric"] == metric);
                found.insert(key.to_owned(), row.unwrap()["value"].clone());
            }
            shell.compare_as(input, &format!("enhance.{name}"), &Value::Object(found));
            if name.starts_with("abtt_D") {
                shell.compare_as(input, &format!("enhance.{name}_fro_check"), &json!(norm(&y)));
            }
            if name == "whitening" {
                shell.compare_as(
                    input,
                    "enhance.whitening_cov_is_identity",
                    &json!(distance_from_identity(&y)),
                );
            }
        }
    }
}

/// The numbers that describe mapped rows. The golden object of whitening has no first row, because the sign of a column is arbitrary.
fn described(y: &Array2<f64>) -> Map<String, Value> {
    let cosine = |i: usize, j: usize| {
        let (a, b) = (y.row(i), y.row(j));
        a.dot(&b) / (a.dot(&a) * b.dot(&b)).sqrt()
    };
    let first: Vec<f64> = y.row(0).iter().take(4).copied().collect();
    let numbers = [
        ("fro", json!(norm(y))),
        ("cos_rows_0_1", json!(cosine(0, 1))),
        ("cos_rows_2_3", json!(cosine(2, 3))),
        ("row0_first4", json!(first)),
    ];
    numbers.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn norm(y: &Array2<f64>) -> f64 {
    y.iter().map(|v| v * v).sum::<f64>().sqrt()
}

/// Greatest difference of the covariance from the identity.
fn distance_from_identity(y: &Array2<f64>) -> f64 {
    let centred = y - &y.mean_axis(Axis(0)).unwrap();
    let covariance = centred.t().dot(&centred) / (y.nrows() as f64 - 1.0);
    let identity = Array2::<f64>::eye(y.ncols());
    (covariance - identity).iter().fold(0.0, |most, v| v.abs().max(most))
}
