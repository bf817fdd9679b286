//! Sentences of a small encoder, pooled in every way, against sentence-transformers.
#![allow(clippy::unwrap_used)]

use super::{EncodeError, Encoding, FilesError, RowFiles};
use crate::rows::Columns;
use isoscope_core::study::Study;
use isoscope_encoders::ComputeDevice;
use ndarray::{Array2, ArrayView2, Axis, concatenate};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use tempfile::TempDir;

const MODES: [(&str, &str); 6] = [
    ("cls", "cls"),
    ("max", "max"),
    ("mean", "mean"),
    ("mean_sqrt_len_tokens", "mean_sqrt_len"),
    ("weightedmean", "weightedmean"),
    ("lasttoken", "lasttoken"),
];

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/encoders/tests/fixtures")
}

fn expected() -> Value {
    serde_json::from_slice(&fs::read(fixtures().join("pooling.json")).unwrap()).unwrap()
}

fn matrix(rows: &Value) -> Array2<f64> {
    let rows: Vec<Vec<f64>> = serde_json::from_value(rows.clone()).unwrap();
    Array2::from_shape_vec((rows.len(), rows[0].len()), rows.concat()).unwrap()
}

/// The miniature as a sentence-transformers directory, beside the texts of the reference.
fn place(modules: &[&str], mode: &str) -> TempDir {
    let place = tempfile::tempdir().unwrap();
    let model = place.path().join("model");
    fs::create_dir_all(model.join("1_Pooling")).unwrap();
    for file in ["config.json", "model.safetensors", "tokenizer.json"] {
        fs::write(model.join(file), fs::read(fixtures().join("bert").join(file)).unwrap()).unwrap();
    }
    let list = modules.iter().enumerate().map(|(i, kind)| {
        let path = if i == 0 { String::new() } else { format!("{i}_{kind}") };
        json!({"idx": i, "name": i.to_string(), "path": path, "type": format!("sentence_transformers.models.{kind}")})
    });
    if !modules.is_empty() {
        fs::write(model.join("modules.json"), json!(list.collect::<Vec<_>>()).to_string()).unwrap();
    }
    fs::write(model.join("1_Pooling/config.json"), json!({"pooling_mode": mode}).to_string()).unwrap();
    let texts: Vec<String> = serde_json::from_value(expected()["texts"].clone()).unwrap();
    fs::write(place.path().join("texts.txt"), texts.join("\n") + "\n").unwrap();
    place
}

/// Collects the rows of the only layer, which come in order from one thread.
#[derive(Default)]
struct Rows(Mutex<BTreeMap<u64, Array2<f64>>>);

impl RowFiles for Rows {
    fn describe(&self, _: u64, _: &Columns) -> Result<(), FilesError> {
        Ok(())
    }

    fn rows(&self, _: usize, first: u64, rows: ArrayView2<'_, f32>) -> Result<(), FilesError> {
        self.0.lock().unwrap().insert(first, rows.mapv(f64::from));
        Ok(())
    }
}

fn open(place: &TempDir, representation: Value) -> Result<Encoding, EncodeError> {
    let mut representation = representation;
    representation["layers"] = json!("last");
    let study: Study = serde_json::from_value(json!({
        "name": "s",
        "model": [{"name": "m", "source": "model"}],
        "dataset": [{"name": "d", "source": "texts.txt"}],
        "representation": representation,
        "plan": {"batch_tokens": 20},
    }))
    .unwrap();
    Encoding::of_texts(study, place.path(), &ComputeDevice::cpu())
}

fn rows(place: &TempDir, representation: Value) -> (Array2<f64>, String) {
    let encoding = open(place, representation).unwrap();
    let rows = Rows::default();
    encoding.run(1, &rows, &|_| (), &AtomicBool::new(false)).unwrap();
    let rows = rows.0.into_inner().unwrap();
    let views: Vec<_> = rows.values().map(|rows| rows.view()).collect();
    (concatenate(Axis(0), &views).unwrap(), encoding.row_kind().pooling())
}

fn assert_close(found: &Array2<f64>, expected: &Array2<f64>, what: &str) {
    assert_eq!(found.dim(), expected.dim(), "{what}");
    let worst = (found - expected).iter().fold(0.0_f64, |worst, off| worst.max(off.abs()));
    assert!(worst <= 1e-5, "{what}: {worst:e}");
}

#[test]
fn pooling_modules_give_the_vectors_of_sentence_transformers() {
    let expected = expected();
    for (mode, name) in MODES {
        let (found, pooling) = rows(&place(&["Transformer", "Pooling"], mode), json!({"unit": "sentence"}));
        assert_eq!(pooling, format!("model:{name}"));
        assert_close(&found, &matrix(&expected["vectors"][mode]), mode);
        let (found, pooling) =
            rows(&place(&["Transformer", "Pooling", "Normalize"], mode), json!({"unit": "sentence"}));
        assert_eq!(pooling, format!("model:{name}+normalize"));
        assert_close(&found, &matrix(&expected["normalized"][mode]), mode);
    }
}

#[test]
fn a_named_pooling_over_all_tokens_is_that_of_sentence_transformers_too() {
    let (expected, place) = (expected(), place(&["Transformer", "Pooling", "Normalize"], "mean"));
    for (mode, name) in MODES {
        let asked = json!({"unit": "sentence", "pooling": name, "exclude": []});
        let (found, pooling) = rows(&place, asked);
        assert_eq!(pooling, name);
        assert_close(&found, &matrix(&expected["vectors"][mode]), name);
    }
}

#[test]
fn the_mean_is_that_of_the_tokens_that_are_kept() {
    let (tokens, pooling) = rows(&place(&[], "mean"), json!({"unit": "token"}));
    assert_eq!(pooling, "");
    // The first text is `The old bridges.`, of five tokens between two special ones.
    let mean = tokens.slice_axis(Axis(0), (0..5).into()).mean_axis(Axis(0)).unwrap();
    for (modules, pooling) in
        [(&["Transformer", "Pooling"][..], "mean"), (&["Transformer"], "model"), (&[], "model")]
    {
        let (found, name) = rows(&place(modules, "cls"), json!({"unit": "sentence", "pooling": pooling}));
        assert_eq!(name, "mean");
        let worst = (&found.row(0) - &mean).iter().fold(0.0_f64, |worst, off| worst.max(off.abs()));
        assert!(worst < 1e-6, "{worst:e}");
    }
}

#[test]
fn the_first_and_the_last_token_are_taken_whatever_is_excluded() {
    let expected = expected();
    for name in ["cls", "lasttoken"] {
        let (found, _) = rows(&place(&[], "mean"), json!({"unit": "sentence", "pooling": name}));
        assert_close(&found, &matrix(&expected["vectors"][name]), name);
    }
}

#[test]
fn texts_without_a_kept_token_have_no_row_whatever_the_pooling() {
    for modules in [&["Transformer", "Pooling"][..], &[]] {
        let place = place(modules, "mean");
        fs::write(place.path().join("texts.txt"), "rain\n\nthe boats\n").unwrap();
        assert_eq!(rows(&place, json!({"unit": "sentence"})).0.nrows(), 2);
        assert_eq!(rows(&place, json!({"unit": "sentence", "exclude": []})).0.nrows(), 3);
    }
}

#[test]
fn modules_that_are_not_computed_are_refused_only_where_they_are_asked_for() {
    let place = place(&["Transformer", "Pooling", "Dense"], "mean");
    let Err(EncodeError::Study(refused)) = open(&place, json!({"unit": "sentence"})) else {
        panic!("it was opened")
    };
    assert_eq!(refused.0[0].field, "representation.pooling");
    assert!(refused.0[0].message.contains("its module Dense in `2_Dense`"), "{}", refused.0[0].message);
    for representation in [json!({"unit": "token"}), json!({"unit": "sentence", "pooling": "mean"})] {
        assert!(open(&place, representation).is_ok());
    }
}
