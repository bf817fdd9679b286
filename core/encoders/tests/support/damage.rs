//! Copies of miniature checkpoints that a test may damage.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use isoscope_encoders::{Checkpoint, EncoderError};
use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, serialize};
use tempfile::TempDir;

use super::fixture;

/// Number format, shape and bytes by name.
pub type Tensors = BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>;

pub const WEIGHTS: &str = "model.safetensors";

/// A copy of a miniature.
pub fn copy(name: &str) -> TempDir {
    copy_of(&fixture(name))
}

/// A copy of a checkpoint; one without a tokenizer gets that of the miniature BERT.
pub fn copy_of(checkpoint: &Path) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for file in [WEIGHTS, "config.json", "tokenizer.json"] {
        let own = checkpoint.join(file);
        let from = if own.is_file() { own } else { fixture("bert").join(file) };
        fs::write(dir.path().join(file), fs::read(from).unwrap()).unwrap();
    }
    dir
}

pub fn tensors(name: &str) -> Tensors {
    tensors_of(&fixture(name).join(WEIGHTS))
}

/// All tensors of a file.
pub fn tensors_of(file: &Path) -> Tensors {
    let bytes = fs::read(file).unwrap();
    let parsed = SafeTensors::deserialize(&bytes).unwrap();
    parsed
        .iter()
        .map(|(name, t)| (name.to_owned(), (t.dtype(), t.shape().to_vec(), t.data().to_vec())))
        .collect()
}

pub fn write(path: &Path, tensors: &Tensors) {
    let views = tensors
        .iter()
        .map(|(name, (dtype, shape, data))| (name, TensorView::new(*dtype, shape.clone(), data).unwrap()));
    fs::write(path, serialize(views, None).unwrap()).unwrap();
}

pub fn with_tensors(name: &str, change: impl FnOnce(&mut Tensors)) -> TempDir {
    let dir = copy(name);
    let mut tensors = tensors(name);
    change(&mut tensors);
    write(&dir.path().join(WEIGHTS), &tensors);
    dir
}

pub fn with_config(
    name: &str,
    change: impl FnOnce(&mut serde_json::Map<String, serde_json::Value>),
) -> TempDir {
    let dir = copy(name);
    let path = dir.path().join("config.json");
    let mut config: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    change(config.as_object_mut().unwrap());
    fs::write(path, config.to_string()).unwrap();
    dir
}

/// Opens a damaged directory; the message must contain every part.
pub fn refused(dir: &TempDir, parts: &[&str]) -> EncoderError {
    let error = Checkpoint::open(dir.path()).unwrap_err();
    let message = error.to_string();
    for part in parts {
        assert!(message.contains(part), "`{message}` does not say `{part}`");
    }
    error
}
