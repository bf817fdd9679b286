//! Checkpoints of every family against transformers: random ones at realistic widths and real ones, as the scripts beside
//! `make_reference.py` lay them out. Those without a tokenizer borrow one: their references hold token ids.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::path::{Path, PathBuf};

use isoscope_encoders::Checkpoint;
use tempfile::TempDir;

use support::damage::copy_of;
use support::reference::{Reference, TOLERANCE};

/// Compares one checkpoint in tokens, where the lines that its reference was made of are there, and in every layer.
fn worst_of(dir: &Path) -> Vec<f32> {
    let borrowed = (!dir.join("tokenizer.json").is_file()).then(|| copy_of(dir));
    let checkpoint = Checkpoint::open(borrowed.as_ref().map_or(dir, TempDir::path)).unwrap();
    let reference = Reference::read(&dir.join("reference.safetensors"));
    if let Ok(lines) = std::fs::read_to_string(dir.join("sentences.txt")) {
        let tokenizer = checkpoint.tokenizer().unwrap();
        reference.assert_tokens(&tokenizer, &lines, checkpoint.facts().max_positions.min(512));
    }
    assert_eq!(checkpoint.facts().hidden_states, reference.states.len());
    reference.compare(checkpoint.load().unwrap().as_ref())
}

#[test]
#[allow(clippy::print_stdout)]
fn checkpoints_with_a_reference_match_transformers_in_every_layer() {
    let Some(folder) = std::env::var_os("ISOSCOPE_ENCODER_REFERENCES").map(PathBuf::from) else {
        println!(
            "skipped: ISOSCOPE_ENCODER_REFERENCES names no folder made by make_random.py, make_random_relative.py or \
             make_real.py"
        );
        return;
    };
    let entries = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let mut dirs: Vec<PathBuf> =
        entries.filter(|path| path.join("reference.safetensors").is_file()).collect();
    dirs.sort();
    assert!(!dirs.is_empty(), "{} holds no checkpoint with a reference", folder.display());
    let mut off = Vec::new();
    for dir in dirs {
        let worst = worst_of(&dir);
        println!("{}: largest difference per layer {worst:?}", dir.display());
        if worst.iter().any(|worst| *worst > TOLERANCE) {
            off.push(dir);
        }
    }
    assert!(off.is_empty(), "these differ by more than {TOLERANCE:e}: {off:?}");
}
