//! `isoscope encode` as people run it: vectors of texts and of token ids, in every format, with an index of their rows.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float32Type, Int64Type};
use arrow_array::{Array as _, RecordBatch};
use isoscope_tests::process::program;
use isoscope_worker::dataset::npy::read_matrix;
use ndarray::{Array2, Axis, concatenate, s};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Layers of the fixture, the output of the embeddings among them, and their width.
const LAYERS: usize = 4;
const WIDTH: usize = 32;

#[derive(Deserialize)]
struct Reference {
    sequences: Vec<Sequence>,
}

#[derive(Deserialize)]
struct Sequence {
    input_ids: Vec<u32>,
    /// Layer, token, column.
    hidden_states: Vec<Vec<Vec<f32>>>,
}

fn fixture() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie in the workspace");
    root.join("core/encoders/tests/fixtures/bert")
}

fn reference() -> Vec<Sequence> {
    let text = fs::read(fixture().join("reference.json")).unwrap();
    serde_json::from_slice::<Reference>(&text).unwrap().sequences
}

/// The reference's hidden states of a layer, sequence after sequence.
fn expected(layer: usize) -> Array2<f64> {
    let rows: Vec<Vec<f32>> = reference().iter().flat_map(|s| s.hidden_states[layer].clone()).collect();
    Array2::from_shape_vec((rows.len(), WIDTH), rows.concat()).unwrap().mapv(f64::from)
}

/// A directory with a copy of the encoder, the reference's ids, and sentence pairs of its vocabulary.
fn workplace() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    fs::create_dir(here.join("model")).unwrap();
    for file in ["config.json", "model.safetensors", "tokenizer.json"] {
        fs::copy(fixture().join(file), here.join("model").join(file)).unwrap();
    }
    let ids = reference().iter().map(|s| serde_json::to_string(&s.input_ids).unwrap()).collect::<Vec<_>>();
    fs::write(here.join("ids.jsonl"), ids.join("\n")).unwrap();
    let words = ["the old bridges", "rain", "the king, the queen and the small red bird", "boats"];
    let rows = (0..150).map(|i| format!("{}\t{}\t{}\tk{i}", i % 6, words[i % 4], words[(i / 4) % 4]));
    let lines: Vec<String> = std::iter::once("score\ta\tb\tkey".to_owned()).chain(rows).collect();
    fs::write(here.join("pairs.tsv"), lines.join("\n")).unwrap();
    directory
}

fn isoscope(directory: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(program());
    command.current_dir(directory).args(arguments).env("XDG_CACHE_HOME", directory.join("cache"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ISOSCOPE")) {
        command.env_remove(name);
    }
    command.output().unwrap()
}

/// Encodes into `out` and returns what was printed.
fn encode(directory: &Path, out: &str, arguments: &[&str]) -> String {
    let mut all = vec!["encode", "model", "--out", out];
    all.extend(arguments);
    let output = isoscope(directory, &all);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Fails with exit code 2 and every phrase in the message, and leaves nothing behind.
fn refused(directory: &Path, arguments: &[&str], phrases: &[&str]) {
    let mut all = vec!["encode", "model", "--out", "refused/here"];
    all.extend(arguments);
    let output = isoscope(directory, &all);
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {message}");
    for phrase in phrases {
        assert!(message.contains(phrase), "{arguments:?}: `{phrase}` is not in: {message}");
    }
    let left = fs::read_dir(directory.join("refused")).map_or(0, Iterator::count);
    assert_eq!(left, 0, "{arguments:?} left something behind");
}

fn matrix(directory: &Path, out: &str, layer: usize) -> Array2<f64> {
    read_matrix(directory.join(out).join(format!("layer{layer:02}.npy"))).unwrap()
}

fn assert_near(found: &Array2<f64>, expected: &Array2<f64>, most: f64, what: &str) {
    assert_eq!(found.dim(), expected.dim(), "{what}");
    let worst = (found - expected).iter().fold(0.0_f64, |worst, d| worst.max(d.abs()));
    assert!(worst <= most, "{what}: largest difference {worst:e}");
}

/// A table as one batch.
fn table(path: &Path) -> RecordBatch {
    let reader = ParquetRecordBatchReaderBuilder::try_new(fs::File::open(path).unwrap()).unwrap();
    let rows = usize::try_from(reader.metadata().file_metadata().num_rows()).unwrap();
    let mut batches = reader.with_batch_size(rows).build().unwrap();
    let batch = batches.next().unwrap().unwrap();
    assert!(batches.next().is_none());
    batch
}

fn integers(table: &RecordBatch, column: &str) -> Vec<i64> {
    table[column].as_primitive::<Int64Type>().values().to_vec()
}

/// The values of a column of strings; `-` where there is none.
fn strings(table: &RecordBatch, column: &str) -> Vec<String> {
    table[column].as_string::<i32>().iter().map(|value| value.unwrap_or("-").to_owned()).collect()
}

/// The bytes of every file of a directory, by name.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries.map(|entry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap())).collect()
}

#[test]
fn token_ids_give_the_hidden_states_of_the_reference_in_their_order() {
    let place = workplace();
    let printed = encode(place.path(), "out", &["--token-ids", "ids.jsonl"]);
    assert!(printed.starts_with("out: 4 layers of ") && printed.contains(" × 32, 5 texts"), "{printed}");
    for layer in 0..LAYERS {
        assert_near(&matrix(place.path(), "out", layer), &expected(layer), 2e-5, &format!("layer {layer}"));
    }
    let index = table(&place.path().join("out/index.parquet"));
    let ids: Vec<i64> = reference().iter().flat_map(|s| s.input_ids.clone()).map(i64::from).collect();
    assert_eq!(integers(&index, "token_id"), ids);
    let sentences = reference()
        .iter()
        .enumerate()
        .flat_map(|(i, s)| vec![i as i64; s.input_ids.len()])
        .collect::<Vec<_>>();
    assert_eq!(integers(&index, "sentence"), sentences);
    assert_eq!(integers(&index, "row"), (0..ids.len() as i64).collect::<Vec<_>>());
    let names: Vec<String> = files(&place.path().join("out")).into_keys().collect();
    let layers = (0..LAYERS).map(|layer| format!("layer{layer:02}.npy"));
    let all = std::iter::once("index.parquet".to_owned()).chain(layers).chain(["manifest.json".to_owned()]);
    assert_eq!(names, all.collect::<Vec<_>>());
}

#[test]
fn token_ids_need_no_tokenizer_and_then_have_no_spelling() {
    let place = workplace();
    fs::remove_file(place.path().join("model/tokenizer.json")).unwrap();
    encode(place.path(), "out", &["--token-ids", "ids.jsonl", "--layers", "3"]);
    assert_near(&matrix(place.path(), "out", 3), &expected(3), 2e-5, "without a tokenizer");
    let index = table(&place.path().join("out/index.parquet"));
    assert!(strings(&index, "token").iter().all(|token| token == "-"));
    refused(place.path(), &["--token-ids", "ids.jsonl", "--exclude", "special"], &["tokenizer.json"]);
    refused(place.path(), &["--data", "pairs.tsv", "--text", "a"], &["tokenizer.json"]);
}

#[test]
fn every_row_of_text_can_be_traced_to_its_token() {
    let place = workplace();
    fs::write(place.path().join("t.txt"), "The old bridges.\n\nRain\n").unwrap();
    let printed = encode(place.path(), "out", &["--data", "t.txt", "--layers", "0"]);
    assert!(printed.contains("3 texts, 1 of them without a row"), "{printed}");
    let index = table(&place.path().join("out/index.parquet"));
    assert_eq!(integers(&index, "token_id"), [87, 113, 131, 48, 76, integers(&index, "token_id")[5]]);
    assert_eq!(strings(&index, "word"), ["The", "old", "bridges", "bridges", ".", "Rain"]);
    assert_eq!(integers(&index, "position"), [1, 2, 3, 4, 5, 1]);
    assert_eq!(integers(&index, "word_place"), [1, 2, 3, 3, 4, 1]);
    assert_eq!(integers(&index, "dataset_row"), [0, 0, 0, 0, 0, 2]);
    assert_eq!(strings(&index, "token")[1], "old");
    assert!(index.column_by_name("side").is_none());
    encode(place.path(), "all", &["--data", "t.txt", "--layers", "0", "--exclude", "none"]);
    let all = table(&place.path().join("all/index.parquet"));
    assert_eq!(all.num_rows(), 6 + 2 * 3);
    assert_eq!(integers(&all, "token_id")[..3], [2, 87, 113]);
}

#[test]
fn pairs_are_rows_of_two_sides_and_carry_what_they_are_told_to() {
    let place = workplace();
    encode(
        place.path(),
        "out",
        &[
            "--data",
            "pairs.tsv",
            "--text",
            "a",
            "b",
            "--carry",
            "key",
            "--unit",
            "sentence",
            "--layers",
            "last",
        ],
    );
    let index = table(&place.path().join("out/index.parquet"));
    assert_eq!(index.num_rows(), 300);
    assert_eq!(integers(&index, "dataset_row")[..4], [0, 0, 1, 1]);
    assert_eq!(integers(&index, "side")[..4], [0, 1, 0, 1]);
    assert_eq!(strings(&index, "key")[298..], ["k149", "k149"]);
    assert!(index.column_by_name("token_id").is_none() && index.column_by_name("word").is_none());
    assert_eq!(matrix(place.path(), "out", 3).dim(), (300, WIDTH));
}

#[test]
fn words_and_sentences_are_means_of_the_rows_of_their_tokens() {
    let place = workplace();
    fs::write(place.path().join("t.txt"), "The old bridges.\nRain\n").unwrap();
    for unit in ["token", "word", "sentence"] {
        encode(place.path(), unit, &["--data", "t.txt", "--unit", unit]);
    }
    for layer in 0..LAYERS {
        let tokens = matrix(place.path(), "token", layer);
        let mean = |from: usize, to: usize| {
            tokens.slice(s![from..to, ..]).mean_axis(Axis(0)).unwrap().insert_axis(Axis(0))
        };
        let stack = |spans: &[(usize, usize)]| {
            let means: Vec<Array2<f64>> = spans.iter().map(|&(from, to)| mean(from, to)).collect();
            concatenate(Axis(0), &means.iter().map(|mean| mean.view()).collect::<Vec<_>>()).unwrap()
        };
        let words = stack(&[(0, 1), (1, 2), (2, 4), (4, 5), (5, 6)]);
        assert_near(&matrix(place.path(), "word", layer), &words, 1.2e-7, "words");
        assert_near(&matrix(place.path(), "sentence", layer), &stack(&[(0, 5), (5, 6)]), 1.2e-7, "sentences");
    }
    assert_eq!(
        strings(&table(&place.path().join("word/index.parquet")), "word"),
        ["The", "old", "bridges", ".", "Rain"]
    );
}

#[test]
fn the_rows_are_those_that_a_study_sees() {
    let place = workplace();
    let study = r#"
        name = "tiny"
        [[model]]
        name = "m"
        source = "model"
        [[dataset]]
        name = "pairs"
        source = "pairs.tsv"
        text = ["a", "b"]
        [[metric]]
        id = "angular.avg_cosine"
        [[metric]]
        id = "spectrum.isoscore"
    "#;
    fs::write(place.path().join("study.toml"), study).unwrap();
    let output = isoscope(place.path(), &["run", "study.toml", "--out", "study", "-o", "json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let measured: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    encode(place.path(), "out", &["--data", "pairs.tsv", "--text", "a", "b"]);
    for layer in 0..LAYERS {
        let file = format!("out/layer{layer:02}.npy");
        let metrics = ["--metric", "angular.avg_cosine", "--metric", "spectrum.isoscore", "-o", "json"];
        let output = isoscope(place.path(), &[&["measure", &file][..], &metrics].concat());
        let values: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
        for value in values {
            let same = |row: &&Value| row["metric"] == value["id"] && row["layer"] == layer;
            let study = measured.iter().find(same).unwrap()["value"].as_f64().unwrap();
            let own = value["value"].as_f64().unwrap();
            assert!((study - own).abs() <= 1e-12, "layer {layer}, {}: {study} and {own}", value["id"]);
        }
    }
}

#[test]
fn all_formats_hold_the_same_numbers() {
    let place = workplace();
    let data = ["--data", "pairs.tsv", "--text", "a", "--layers", "0,3", "--batch-tokens", "64"];
    for format in ["npy", "parquet", "safetensors"] {
        encode(place.path(), format, &[&data[..], &["--format", format]].concat());
        assert!(place.path().join(format).join("index.parquet").is_file());
    }
    for layer in [0, 3] {
        let rows = matrix(place.path(), "npy", layer);
        let bytes = fs::read(place.path().join(format!("safetensors/layer{layer:02}.safetensors"))).unwrap();
        let start = 8 + usize::try_from(u64::from_le_bytes(bytes[..8].try_into().unwrap())).unwrap();
        let header: Value = serde_json::from_slice(&bytes[8..start]).unwrap();
        let tensor = &header[format!("layer{layer:02}")];
        assert_eq!(
            (&tensor["dtype"], &tensor["shape"]),
            (&"F32".into(), &serde_json::json!([rows.nrows(), WIDTH]))
        );
        assert_eq!(tensor["data_offsets"], serde_json::json!([0, bytes.len() - start]));
        let values = bytes[start..].as_chunks::<4>().0.iter().map(|&b| f64::from(f32::from_le_bytes(b)));
        assert_eq!(values.collect::<Vec<_>>(), rows.iter().copied().collect::<Vec<_>>());
        let table = table(&place.path().join(format!("parquet/layer{layer:02}.parquet")));
        assert_eq!(integers(&table, "row"), (0..rows.nrows() as i64).collect::<Vec<_>>());
        let vectors = table["vector"].as_list::<i32>();
        assert!(vectors.iter().all(|vector| vector.unwrap().len() == WIDTH));
        let values = vectors.values().as_primitive::<Float32Type>().values().iter().map(|&v| f64::from(v));
        assert_eq!(values.collect::<Vec<_>>(), rows.iter().copied().collect::<Vec<_>>());
    }
}

#[test]
fn the_number_of_threads_changes_no_byte() {
    let place = workplace();
    for format in ["npy", "parquet", "safetensors"] {
        let run = |threads: &str| {
            let out = format!("{format}{threads}");
            let data = ["--data", "pairs.tsv", "--text", "a", "b", "--batch-tokens", "40"];
            encode(place.path(), &out, &[&data[..], &["--format", format, "--threads", threads]].concat());
            files(&place.path().join(out))
        };
        assert_eq!(run("1"), run("5"), "{format}");
    }
}

#[test]
fn a_directory_that_holds_something_is_left_alone_and_an_empty_one_is_filled() {
    let place = workplace();
    fs::create_dir_all(place.path().join("mine")).unwrap();
    encode(place.path(), "mine", &["--token-ids", "ids.jsonl", "--layers", "last"]);
    let before = files(&place.path().join("mine"));
    let again = isoscope(place.path(), &["encode", "model", "--token-ids", "ids.jsonl", "--out", "mine"]);
    assert_eq!(again.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&again.stderr).contains("mine is not empty"));
    assert_eq!(files(&place.path().join("mine")), before);
}

#[test]
fn wrong_token_ids_are_named_by_file_line_and_position() {
    let place = workplace();
    let long = format!("[{}]", vec!["5"; 81].join(","));
    for (lines, phrases) in [
        ("[5]\n[5, 211]", &["ids.jsonl, line 2", "position 1", "211"][..]),
        ("[5]\n{\"ids\": [5]}", &["ids.jsonl, line 2", "not a JSON array"]),
        ("[5]\n[5, -1]", &["ids.jsonl, line 2", "position 1", "-1"]),
        ("[5]\n\n[]", &["ids.jsonl, line 3", "no id"]),
        (&long, &["ids.jsonl, line 1", "81 tokens", "80"]),
        ("", &["no row"]),
    ] {
        fs::write(place.path().join("ids.jsonl"), lines).unwrap();
        refused(place.path(), &["--token-ids", "ids.jsonl"], phrases);
    }
    refused(place.path(), &["--token-ids", "nowhere.jsonl"], &["nowhere.jsonl"]);
    fs::write(place.path().join("ids.jsonl"), "[5, 6, 7]").unwrap();
    refused(place.path(), &["--token-ids", "ids.jsonl", "--max-tokens", "2"], &["line 1", "3 tokens", "2"]);
    refused(place.path(), &["--token-ids", "ids.jsonl", "--unit", "word"], &["words"]);
}

#[test]
fn the_first_wrong_line_is_reported_whichever_thread_meets_it() {
    let place = workplace();
    let lines = (0..400).map(|i| if i % 50 == 49 { "[5, 999]" } else { "[5, 6, 7]" });
    fs::write(place.path().join("ids.jsonl"), lines.collect::<Vec<_>>().join("\n")).unwrap();
    for format in ["npy", "parquet"] {
        let arguments =
            ["--token-ids", "ids.jsonl", "--threads", "6", "--batch-tokens", "9", "--format", format];
        refused(place.path(), &arguments, &["line 50, position 1"]);
    }
}

#[test]
fn wrong_arguments_and_wrong_text_are_named() {
    let place = workplace();
    let text = |more: &[&'static str]| [&["--data", "pairs.tsv", "--text", "a"][..], more].concat();
    refused(place.path(), &["--data", "pairs.tsv"], &["--text", "name one"]);
    refused(place.path(), &["--data", "pairs.tsv", "--text", "c"], &["pairs.tsv", "no column `c`"]);
    refused(place.path(), &["--data", "nowhere.txt"], &["nowhere.txt"]);
    refused(place.path(), &["--data", "pairs.unknown"], &["--data-format", "pairs.unknown"]);
    refused(place.path(), &text(&["--layers", "0,4"]), &["--layers", "no layer 4", "0 to 3"]);
    refused(place.path(), &text(&["--layers", "first"]), &["--layers", "0,6,12"]);
    refused(place.path(), &text(&["--max-tokens", "81"]), &["--max-tokens", "80"]);
    refused(place.path(), &text(&["--max-tokens", "2"]), &["2 tokens leaves no room"]);
    let strict = ["--max-tokens", "4", "--on-long-text", "error"];
    refused(place.path(), &text(&strict), &["pairs.tsv, row 0", "longer than 4 tokens", "--on-long-text"]);
    refused(place.path(), &text(&["--carry", "side"]), &["--carry"]);
    refused(place.path(), &text(&["--token-ids", "ids.jsonl"]), &["--token-ids"]);
    refused(place.path(), &[], &["--data"]);
    fs::write(place.path().join("empty.txt"), "\n\n").unwrap();
    refused(place.path(), &["--data", "empty.txt"], &["2 texts", "no row"]);
    fs::remove_file(place.path().join("model/model.safetensors")).unwrap();
    refused(place.path(), &text(&[]), &["model.safetensors"]);
}

#[test]
fn hidden_states_that_are_not_finite_are_refused_with_layer_and_token() {
    let place = workplace();
    let path = place.path().join("model/model.safetensors");
    let mut bytes = fs::read(&path).unwrap();
    let start = 8 + usize::try_from(u64::from_le_bytes(bytes[..8].try_into().unwrap())).unwrap();
    let header: Value = serde_json::from_slice(&bytes[8..start]).unwrap();
    let tensors = header.as_object().unwrap();
    let (_, bias) =
        tensors.iter().find(|(name, _)| name.ends_with("encoder.layer.1.output.dense.bias")).unwrap();
    let at = start + usize::try_from(bias["data_offsets"][0].as_u64().unwrap()).unwrap();
    bytes[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    fs::write(&path, bytes).unwrap();
    for format in ["npy", "parquet"] {
        let arguments = ["--token-ids", "ids.jsonl", "--format", format, "--batch-tokens", "8"];
        refused(place.path(), &arguments, &["not finite at layer 2", "text 0 token 0"]);
    }
}
