//! A real checkpoint, all-MiniLM-L6-v2, against transformers.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::path::{Path, PathBuf};

use isoscope_encoders::Checkpoint;

use support::reference::{Reference, TOLERANCE};

const MODEL: &str = "all-minilm-l6-v2";

/// The folder of models that is filled once and shared by all checkouts of a machine.
fn model() -> Option<PathBuf> {
    let models = std::env::var_os("ISOSCOPE_MODELS").map(PathBuf::from).or_else(|| {
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let cache = cache.or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache")))?;
        Some(cache.join("isoscope/models"))
    })?;
    Some(models.join(MODEL)).filter(|dir| dir.join("model.safetensors").is_file())
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reference")
}

#[test]
#[allow(clippy::print_stdout)]
fn all_minilm_l6_matches_transformers_in_tokens_and_in_every_layer() {
    let Some(dir) = model() else {
        println!("skipped: {MODEL} is in neither $ISOSCOPE_MODELS nor the cache folder isoscope/models");
        return;
    };
    let checkpoint = Checkpoint::open(&dir).unwrap();
    let facts = checkpoint.facts();
    assert_eq!((facts.hidden_states, facts.width, facts.max_positions, facts.vocab), (7, 384, 512, 30522));
    let reference = Reference::read(&folder().join(format!("{MODEL}.safetensors")));
    let sentences = std::fs::read_to_string(folder().join("sentences.txt")).unwrap();
    reference.assert_tokens(&checkpoint.tokenizer().unwrap(), &sentences, facts.max_positions);
    let worst = reference.compare(checkpoint.load().unwrap().as_ref());
    println!("largest difference per layer: {worst:?}");
    for (layer, worst) in worst.iter().enumerate() {
        assert!(*worst <= TOLERANCE, "layer {layer}: largest difference {worst:e}");
    }
}

#[test]
#[allow(clippy::print_stdout)]
fn all_minilm_l6_matches_transformers_in_every_row_of_a_full_reference() {
    let Some(path) = std::env::var_os("ISOSCOPE_REFERENCE") else {
        println!("skipped: ISOSCOPE_REFERENCE names no file made by make_reference.py --all-rows");
        return;
    };
    let checkpoint =
        Checkpoint::open(&model().expect("the model is in $ISOSCOPE_MODELS or the cache folder")).unwrap();
    let reference = Reference::read(Path::new(&path));
    let worst = reference.compare(checkpoint.load().unwrap().as_ref());
    println!("{} rows, largest difference per layer: {worst:?}", reference.rows.len());
    assert!(worst.iter().all(|worst| *worst <= TOLERANCE));
}
