//! Miniature checkpoints and the hidden states that transformers gave for them.

use std::path::{Path, PathBuf};

use isoscope_encoders::{Encoder, TokenBatch};
use ndarray::{Array2, s};
use serde::Deserialize;

use super::{encode_batch, fixture, max_difference, push};

#[derive(Deserialize)]
struct Reference {
    sequences: Vec<Sequence>,
}

/// A sequence of tokens and its hidden states.
#[derive(Deserialize)]
pub struct Sequence {
    pub input_ids: Vec<u32>,
    /// None where the reference implementation was given none.
    #[serde(default)]
    pub token_type_ids: Vec<u32>,
    /// Layer, token, column.
    hidden_states: Vec<Vec<Vec<f32>>>,
}

impl Sequence {
    fn layers(&self) -> impl Iterator<Item = Array2<f32>> {
        let matrix = |rows: &Vec<Vec<f32>>| {
            Array2::from_shape_vec((rows.len(), rows[0].len()), rows.concat()).unwrap()
        };
        self.hidden_states.iter().map(matrix)
    }
}

/// The sequences that the reference of a miniature has.
pub fn reference(name: &str) -> Vec<Sequence> {
    read(&fixture(name)).unwrap()
}

fn read(dir: &Path) -> Option<Vec<Sequence>> {
    let text = std::fs::read(dir.join("reference.json")).ok()?;
    Some(serde_json::from_slice::<Reference>(&text).unwrap().sequences)
}

/// Name, folder and sequences of every miniature; of another folder where `ISOSCOPE_ENCODER_FIXTURES` names one.
pub fn all() -> Vec<(String, PathBuf, Vec<Sequence>)> {
    let folder = std::env::var_os("ISOSCOPE_ENCODER_FIXTURES").map_or_else(|| fixture(""), PathBuf::from);
    let dirs = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut found: Vec<_> = dirs
        .filter_map(|dir| Some((dir.file_name()?.to_str()?.to_owned(), dir.clone(), read(&dir)?)))
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    assert!(!found.is_empty());
    found
}

/// Packs sequences into one batch.
pub fn batch(sequences: &[Sequence]) -> TokenBatch {
    let mut batch = TokenBatch::new();
    for sequence in sequences {
        push(&mut batch, &sequence.input_ids, &sequence.token_type_ids);
    }
    batch
}

/// Largest difference of an encoder's layers from those of a reference.
pub fn largest_difference(encoder: &dyn Encoder, sequences: &[Sequence]) -> f32 {
    differences(encoder, sequences).map(|(difference, _)| difference).fold(0.0, f32::max)
}

/// The same as a share of the largest value of the layer, or of 1 where that is smaller.
pub fn largest_share(encoder: &dyn Encoder, sequences: &[Sequence]) -> f32 {
    differences(encoder, sequences)
        .map(|(difference, largest)| difference / largest.max(1.0))
        .fold(0.0, f32::max)
}

/// Per sequence and layer, the largest difference from the reference and the largest value of that.
fn differences(encoder: &dyn Encoder, sequences: &[Sequence]) -> impl Iterator<Item = (f32, f32)> {
    let layers = encode_batch(encoder, &batch(sequences));
    let mut row = 0;
    sequences.iter().flat_map(move |sequence| {
        let rows = row..row + sequence.input_ids.len();
        row = rows.end;
        assert_eq!(sequence.hidden_states.len(), layers.len());
        let of_layer = |(states, expected): (&Array2<f32>, Array2<f32>)| {
            let difference = max_difference(states.slice(s![rows.clone(), ..]), expected.view());
            (difference, expected.iter().fold(0.0_f32, |largest, v| largest.max(v.abs())))
        };
        layers.iter().zip(sequence.layers()).map(of_layer).collect::<Vec<_>>()
    })
}
