//! What the tests of this crate share.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::needless_pass_by_value)] // each test file uses a part; views are small

pub mod damage;
pub mod miniature;
pub mod reference;

use std::path::{Path, PathBuf};

use isoscope_encoders::{Encoder, HiddenStateSink, SinkError, TokenBatch};
use ndarray::{Array2, ArrayView2};

/// The folder of a committed miniature checkpoint.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// Keeps every layer it is given.
#[derive(Default)]
pub struct Keep {
    pub layers: Vec<(usize, Array2<f32>)>,
}

impl HiddenStateSink for Keep {
    fn layer(&mut self, layer: usize, states: ArrayView2<'_, f32>) -> Result<(), SinkError> {
        self.layers.push((layer, states.to_owned()));
        Ok(())
    }
}

/// Encodes sequences as one batch and returns every layer, T×H.
pub fn encode(encoder: &dyn Encoder, sequences: &[&[u32]]) -> Vec<Array2<f32>> {
    let mut batch = TokenBatch::new();
    for ids in sequences {
        batch.push(ids);
    }
    encode_batch(encoder, &batch)
}

/// Encodes a batch and returns every layer, T×H.
pub fn encode_batch(encoder: &dyn Encoder, batch: &TokenBatch) -> Vec<Array2<f32>> {
    let mut sink = Keep::default();
    encoder.encode(batch, &mut sink).unwrap();
    let order: Vec<usize> = sink.layers.iter().map(|(layer, _)| *layer).collect();
    assert_eq!(order, (0..encoder.facts().hidden_states).collect::<Vec<_>>());
    sink.layers.into_iter().map(|(_, states)| states).collect()
}

/// Appends a sequence whose token types are 0 and then 1; without types all are 0.
pub fn push(batch: &mut TokenBatch, ids: &[u32], types: &[u32]) {
    let second = types.iter().position(|&kind| kind == 1).unwrap_or(ids.len());
    batch.push_pair(&ids[..second], &ids[second..]);
}

/// Largest absolute difference; infinite when the shapes differ or a value is not a number.
pub fn max_difference(a: ArrayView2<'_, f32>, b: ArrayView2<'_, f32>) -> f32 {
    if a.dim() != b.dim() {
        return f32::INFINITY;
    }
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, |m, d| {
        if d <= m {
            m
        } else if d.is_nan() {
            f32::INFINITY
        } else {
            d
        }
    })
}
