//! Checkpoints that tests borrow a tokenizer for, or change a little.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)] // each test file uses a part

use std::fs;
use std::path::{Path, PathBuf};

use isoscope_encoders::{Encoder, HiddenStateSink, SinkError, TokenBatch};
use ndarray::{Array2, ArrayView2};
use serde_json::{Map, Value};
use tempfile::TempDir;

/// The folder of a committed miniature checkpoint.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// A copy of a checkpoint; one without a tokenizer gets that of the miniature BERT.
pub fn copy(dir: &Path) -> TempDir {
    let copy = tempfile::tempdir().unwrap();
    let bert = fixture("bert");
    for file in ["config.json", "model.safetensors", "tokenizer.json"] {
        let own = dir.join(file);
        let from = if own.is_file() { own } else { bert.join(file) };
        fs::write(copy.path().join(file), fs::read(from).unwrap()).unwrap();
    }
    copy
}

/// A copy of a miniature checkpoint with another configuration.
pub fn with_config(name: &str, change: impl FnOnce(&mut Map<String, Value>)) -> TempDir {
    let dir = copy(&fixture(name));
    let path = dir.path().join("config.json");
    let mut config: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(config.as_object_mut().unwrap());
    fs::write(path, config.to_string()).unwrap();
    dir
}

/// Keeps every layer it is given.
#[derive(Default)]
struct Keep(Vec<Array2<f32>>);

impl HiddenStateSink for Keep {
    fn layer(&mut self, layer: usize, states: ArrayView2<'_, f32>) -> Result<(), SinkError> {
        assert_eq!(layer, self.0.len());
        self.0.push(states.to_owned());
        Ok(())
    }
}

/// Encodes a batch and returns every layer, T×H.
pub fn encode(encoder: &dyn Encoder, batch: &TokenBatch) -> Vec<Array2<f32>> {
    let mut sink = Keep::default();
    encoder.encode(batch, &mut sink).unwrap();
    assert_eq!(sink.0.len(), encoder.facts().hidden_states);
    sink.0
}

/// Appends a sequence whose token types are 0 and then 1.
pub fn push(batch: &mut TokenBatch, ids: &[u32], types: &[u32]) {
    let second = types.iter().position(|&kind| kind == 1).unwrap_or(ids.len());
    batch.push_pair(&ids[..second], &ids[second..]);
}
