//! How far the metrics of a study move when its encoder computes in a half format: the bounds that docs/gpu.md states, by the program as
//! people run it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use isoscope_tests::process::program;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Metrics and the smallest value that a difference is measured against: what cancels to almost nothing keeps no relative precision.
const METRICS: &[(&str, f64)] = &[
    ("moments.dim_std", 0.0),
    ("moments.mean_abs_correlation", 0.0),
    ("moments.mean_excess_kurtosis", 1.0),
    ("moments.scatter_fro", 0.0),
    ("moments.scatter_trace", 0.0),
    ("spectrum.isoscore", 0.0),
    ("spectrum.isoscore_star", 0.0),
    ("spectrum.participation_ratio", 0.0),
    ("spectrum.effective_rank_raw", 0.0),
    ("spectrum.effective_rank_centered", 0.0),
    ("spectrum.rankme", 0.0),
    ("spectrum.cov_entropy_rank", 0.0),
    ("spectrum.stable_rank_raw", 0.0),
    ("spectrum.stable_rank_centered", 0.0),
    ("spectrum.varex", 0.0),
    ("angular.avg_cosine", 0.1),
    ("angular.avg_cosine_centered", 0.1),
    ("angular.mean_resultant_length", 0.1),
    ("angular.concentricity", 1.0),
    ("partition.log_I_pm", 1.0),
    ("partition.log_I_maxabs", 1.0),
    ("partition.log_I_pm_unit_rms", 1.0),
    ("partition.log_I_centered_pm", 1.0),
    ("partition.log_I_centered_pm_unit_rms", 1.0),
    ("partition.I_first_order", 0.0),
    ("partition.I_second_order", 0.0),
    ("sts.spearman", 100.0),
    ("sts.pearson", 100.0),
];

/// Formats with the largest difference allowed.
const BOUNDS: [(&str, f64); 2] = [("f16", 1e-2), ("bf16", 5e-2)];

fn words(model: &Path) -> Vec<String> {
    let tokenizer: Value = serde_json::from_slice(&fs::read(model.join("tokenizer.json")).unwrap()).unwrap();
    let vocabulary = tokenizer["model"]["vocab"].as_object().unwrap();
    vocabulary.keys().filter(|word| word.chars().all(|c| c.is_ascii_alphanumeric())).cloned().collect()
}

fn study(model: &Path) -> String {
    let measured = METRICS.iter().filter(|(id, _)| !id.starts_with("sts"));
    let metrics: Vec<String> = measured.map(|(id, _)| format!("[[metric]]\nid = \"{id}\"\n")).collect();
    let metrics = metrics.concat();
    format!(
        "name = \"half\"\n[[model]]\nname = \"tiny\"\nsource = \"{}\"\n[[dataset]]\nname = \"pairs\"\nsource = \"pairs.tsv\"\n\
         text = [\"a\", \"b\"]\ngold = \"score\"\n[representation]\nlayers = \"all\"\n\
         [[enhancement]]\nid = \"abtt\"\ncomponents = 2\n{metrics}[[evaluation]]\nid = \"sts\"\n",
        model.display()
    )
}

/// The smallest value that differences of a metric are measured against; none for what an op gives beside those listed.
fn floor(metric: &str) -> Option<f64> {
    METRICS.iter().find(|(id, _)| metric.starts_with(id)).map(|(_, floor)| *floor)
}

/// The numbers of a run in one format, by what identifies them, with their metric.
fn values(directory: &Path, format: &str) -> BTreeMap<String, (String, f64)> {
    let output = Command::new(program())
        .current_dir(directory)
        .args(["run", "study.toml", "-o", "json", "--out", format])
        .args(["--set", &format!("representation.dtype={format}")])
        .env("XDG_CACHE_HOME", directory.join("cache"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let rows: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let number = |row: &Value| {
        let key = format!("{} {} {} {}", row["layer"], row["space"], row["metric"], row["part"]);
        let metric = row["metric"].as_str().filter(|metric| floor(metric).is_some())?;
        Some((key, (metric.to_owned(), row["value"].as_f64()?)))
    };
    rows.iter().filter_map(number).collect()
}

#[test]
fn metrics_of_half_formats_stay_within_their_bounds_of_f32() {
    let place = tempfile::tempdir().unwrap();
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/encoders/tests/fixtures/bert");
    let words = words(&model);
    let text = |seed: usize| {
        let picks = (0..3 + seed % 6).map(|i| words[(seed * 7 + i * 3) % words.len()].as_str());
        picks.collect::<Vec<_>>().join(" ")
    };
    let rows = (0..90).map(|row| format!("{}\t{}\t{}\n", row % 6, text(row), text(row * 3 + 1)));
    fs::write(place.path().join("pairs.tsv"), "score\ta\tb\n".to_owned() + &rows.collect::<String>())
        .unwrap();
    fs::write(place.path().join("study.toml"), study(&model)).unwrap();

    let exact = values(place.path(), "f32");
    for (id, _) in METRICS {
        assert!(exact.values().any(|(metric, _)| metric.starts_with(id)), "{id} was not measured");
    }
    for (format, bound) in BOUNDS {
        let half = values(place.path(), format);
        assert_eq!(half.len(), exact.len(), "{format}: each number is there in both formats");
        let mut moved = false;
        for (key, (metric, want)) in &exact {
            let (_, found) = &half[key];
            let share = (found - want).abs() / want.abs().max(floor(metric).unwrap());
            assert!(share <= bound, "{format} {key}: {found} for {want}, {share:e} of it");
            moved |= share > bound / 1e3;
        }
        assert!(moved, "{format}: nothing moved, so the format was not heeded");
    }
}
