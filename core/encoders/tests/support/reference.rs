//! Hidden states that transformers gave, in the files of `reference_file.py`, and the comparison with them.

use std::collections::HashMap;
use std::path::Path;

use isoscope_encoders::{Encoder, TextTokenizer, TokenBatch};
use ndarray::{Array2, Axis};
use safetensors::SafeTensors;

use super::{Keep, max_difference};

/// Other builds of BLAS sum in other orders; observed are a few 1e-6.
pub const TOLERANCE: f32 = 2e-4;
/// Tokens encoded at once.
const BATCH: usize = 1024;

/// The content of a file.
pub struct Reference {
    pub ids: Vec<u32>,
    /// Token types; 0 throughout where the file has none.
    pub types: Vec<u32>,
    pub offsets: Vec<usize>,
    /// The rows, of those of all tokens, that are stored; all where the file does not say.
    pub rows: Vec<usize>,
    /// Per layer, one row per entry of `rows`.
    pub states: Vec<Array2<f32>>,
}

impl Reference {
    pub fn read(path: &Path) -> Self {
        let bytes = std::fs::read(path).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let words = |name: &str| -> Vec<[u8; 4]> {
            file.tensor(name).unwrap().data().chunks_exact(4).map(|b| b.try_into().unwrap()).collect()
        };
        let integers = |name: &str| words(name).into_iter().map(u32::from_le_bytes).collect::<Vec<_>>();
        let sizes = |name: &str| integers(name).into_iter().map(|size| size as usize).collect::<Vec<_>>();
        let shape = file.tensor("states").unwrap().shape().to_vec();
        let values: Vec<f32> = words("states").into_iter().map(f32::from_le_bytes).collect();
        let states = values
            .chunks_exact(shape[1] * shape[2])
            .map(|layer| Array2::from_shape_vec((shape[1], shape[2]), layer.to_vec()).unwrap())
            .collect();
        let ids = integers("ids");
        let types = if file.tensor("types").is_ok() { integers("types") } else { vec![0; ids.len()] };
        let rows = if file.tensor("rows").is_ok() { sizes("rows") } else { (0..ids.len()).collect() };
        Self { ids, types, offsets: sizes("offsets"), rows, states }
    }

    /// Tokenises lines, which must be those that the file was made of.
    pub fn assert_tokens(&self, tokenizer: &TextTokenizer, lines: &str, max_tokens: usize) {
        assert!(lines.lines().count() >= 200);
        assert_eq!(lines.lines().count() + 1, self.offsets.len());
        for (i, line) in lines.lines().enumerate() {
            let expected = &self.ids[self.offsets[i]..self.offsets[i + 1]];
            assert_eq!(tokenizer.encode(line, max_tokens).unwrap().ids, expected, "line {}: {line}", i + 1);
        }
    }

    /// Encodes all sequences in batches and compares the stored rows; returns the largest difference per layer.
    pub fn compare(&self, encoder: &dyn Encoder) -> Vec<f32> {
        let place: HashMap<usize, usize> = self.rows.iter().enumerate().map(|(i, &row)| (row, i)).collect();
        let mut worst = vec![0.0_f32; self.states.len()];
        let mut compared = 0;
        let sequences: Vec<_> = self.offsets.windows(2).map(|b| b[0]..b[1]).collect();
        let mut next = 0;
        while next < sequences.len() {
            let mut batch = TokenBatch::new();
            let first_row = sequences[next].start;
            while next < sequences.len() && batch.tokens() < BATCH {
                let (ids, types) = (&self.ids[sequences[next].clone()], &self.types[sequences[next].clone()]);
                let (first, second) = ids.split_at(types.iter().take_while(|&&kind| kind == 0).count());
                batch.push_pair(first, second);
                next += 1;
            }
            let mut sink = Keep::default();
            encoder.encode(&batch, &mut sink).unwrap();
            assert_eq!(sink.layers.len(), self.states.len());
            let rows: Vec<usize> =
                (0..batch.tokens()).filter(|row| place.contains_key(&(first_row + row))).collect();
            let stored: Vec<usize> = rows.iter().map(|row| place[&(first_row + row)]).collect();
            compared += rows.len();
            for (layer, states) in &sink.layers {
                let expected = self.states[*layer].select(Axis(0), &stored);
                worst[*layer] =
                    worst[*layer].max(max_difference(states.select(Axis(0), &rows).view(), expected.view()));
            }
        }
        assert_eq!(compared, self.rows.len());
        worst
    }
}
