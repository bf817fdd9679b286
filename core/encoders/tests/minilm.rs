//! A real checkpoint, all-MiniLM-L6-v2, against transformers.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use isoscope_encoders::{Checkpoint, Encoder, TokenBatch};
use ndarray::{Array2, Axis};
use safetensors::SafeTensors;

use support::{Keep, max_difference};

const MODEL: &str = "all-minilm-l6-v2";
/// Other builds of BLAS sum in other orders; observed are a few 1e-6.
const TOLERANCE: f32 = 2e-4;
/// Tokens encoded at once.
const BATCH: usize = 1024;

/// The folder of models that is filled once and shared by all checkouts of a machine.
fn model() -> Option<PathBuf> {
    let models = std::env::var_os("ISOSCOPE_MODELS").map(PathBuf::from).or_else(|| {
        let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
        let cache = cache.or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache")))?;
        Some(cache.join("isoscope/models"))
    })?;
    Some(models.join(MODEL)).filter(|dir| dir.join("model.safetensors").is_file())
}

/// What `make_reference.py` wrote.
struct Reference {
    ids: Vec<u32>,
    offsets: Vec<usize>,
    rows: Vec<usize>,
    /// Per layer, one row per entry of `rows`.
    states: Vec<Array2<f32>>,
}

fn read_reference(path: &Path) -> Reference {
    let bytes = std::fs::read(path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let words = |name: &str| -> Vec<[u8; 4]> {
        file.tensor(name).unwrap().data().chunks_exact(4).map(|b| b.try_into().unwrap()).collect()
    };
    let integers = |name: &str| {
        words(name).into_iter().map(|b| usize::try_from(i32::from_le_bytes(b)).unwrap()).collect::<Vec<_>>()
    };
    let shape = file.tensor("states").unwrap().shape().to_vec();
    let values: Vec<f32> = words("states").into_iter().map(f32::from_le_bytes).collect();
    let states = values
        .chunks_exact(shape[1] * shape[2])
        .map(|layer| Array2::from_shape_vec((shape[1], shape[2]), layer.to_vec()).unwrap())
        .collect();
    let ids = integers("ids").into_iter().map(|id| id as u32).collect();
    Reference { ids, offsets: integers("offsets"), rows: integers("rows"), states }
}

/// Encodes all sentences in batches and compares the rows of the reference; returns the largest difference per layer.
fn compare(encoder: &dyn Encoder, reference: &Reference) -> Vec<f32> {
    let place: HashMap<usize, usize> = reference.rows.iter().enumerate().map(|(i, &row)| (row, i)).collect();
    let mut worst = vec![0.0_f32; reference.states.len()];
    let mut compared = 0;
    let sentences: Vec<_> = reference.offsets.windows(2).map(|b| b[0]..b[1]).collect();
    let mut next = 0;
    while next < sentences.len() {
        let mut batch = TokenBatch::new();
        let first_row = sentences[next].start;
        while next < sentences.len() && batch.tokens() < BATCH {
            batch.push(&reference.ids[sentences[next].clone()]);
            next += 1;
        }
        let mut sink = Keep::default();
        encoder.encode(&batch, &mut sink).unwrap();
        let rows: Vec<usize> =
            (0..batch.tokens()).filter(|row| place.contains_key(&(first_row + row))).collect();
        let stored: Vec<usize> = rows.iter().map(|row| place[&(first_row + row)]).collect();
        compared += rows.len();
        for (layer, states) in &sink.layers {
            let expected = reference.states[*layer].select(Axis(0), &stored);
            worst[*layer] =
                worst[*layer].max(max_difference(states.select(Axis(0), &rows).view(), expected.view()));
        }
    }
    assert_eq!(compared, reference.rows.len());
    worst
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
    let reference = read_reference(&folder().join(format!("{MODEL}.safetensors")));
    let tokenizer = checkpoint.tokenizer().unwrap();
    let sentences = std::fs::read_to_string(folder().join("sentences.txt")).unwrap();
    assert!(sentences.lines().count() >= 200);
    assert_eq!(sentences.lines().count() + 1, reference.offsets.len());
    for (i, line) in sentences.lines().enumerate() {
        let expected = &reference.ids[reference.offsets[i]..reference.offsets[i + 1]];
        assert_eq!(
            tokenizer.encode(line, facts.max_positions).unwrap().ids,
            expected,
            "line {}: {line}",
            i + 1
        );
    }
    let worst = compare(checkpoint.load().unwrap().as_ref(), &reference);
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
    let reference = read_reference(Path::new(&path));
    let worst = compare(checkpoint.load().unwrap().as_ref(), &reference);
    println!("{} rows, largest difference per layer: {worst:?}", reference.rows.len());
    assert!(worst.iter().all(|worst| *worst <= TOLERANCE));
}
