//! Encoders whose weights are drawn at random.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::float_cmp)]

mod support;

use std::fs;
use std::path::Path;

use isoscope_encoders::{Checkpoint, EncoderError, Opening};
use ndarray::Array2;

use support::miniature::{all, batch};
use support::{encode, encode_batch, fixture, max_difference};

const IDS: &[u32] = &[2, 9, 57, 110, 31, 8, 3];

fn drawn(dir: &Path, seed: u64) -> Result<Checkpoint, EncoderError> {
    Checkpoint::open_with(dir, &Opening { random_seed: Some(seed), ..Opening::default() })
}

fn states(dir: &Path, seed: u64) -> Vec<Array2<f32>> {
    encode(drawn(dir, seed).unwrap().load().unwrap().as_ref(), &[IDS])
}

#[test]
fn the_same_seed_gives_the_same_bits_and_another_one_others() {
    let bert = fixture("bert");
    assert_eq!(states(&bert, 7), states(&bert, 7));
    let (one, other) = (states(&bert, 7), states(&bert, 8));
    assert!(one.iter().zip(&other).all(|(a, b)| max_difference(a.view(), b.view()) > 0.1));
}

#[test]
fn every_family_can_be_drawn_and_has_finite_states_that_are_not_those_of_its_weights() {
    for (name, dir, sequences) in all() {
        let batch = batch(&sequences);
        let random = encode_batch(drawn(&dir, 0).unwrap().load().unwrap().as_ref(), &batch);
        let stored = encode_batch(Checkpoint::open_for_ids(&dir).unwrap().load().unwrap().as_ref(), &batch);
        for (layer, (random, stored)) in random.iter().zip(&stored).enumerate() {
            assert!(random.iter().all(|value| value.is_finite()), "{name}, layer {layer}");
            assert!(max_difference(random.view(), stored.view()) > 0.1, "{name}, layer {layer}");
        }
    }
}

#[test]
fn only_the_configuration_and_the_tokenizer_of_the_directory_count() {
    let dir = tempfile::tempdir().unwrap();
    for file in ["config.json", "tokenizer.json"] {
        fs::write(dir.path().join(file), fs::read(fixture("bert").join(file)).unwrap()).unwrap();
    }
    let (bare, whole) = (drawn(dir.path(), 3).unwrap(), drawn(&fixture("bert"), 3).unwrap());
    assert_eq!(bare.facts(), whole.facts());
    assert_eq!(bare.tokenizer().unwrap().encode("rain", 80).unwrap().ids.len(), 3);
    assert_eq!(states(dir.path(), 3), states(&fixture("bert"), 3));
    fs::remove_file(dir.path().join("tokenizer.json")).unwrap();
    let needs = Opening { random_seed: Some(3), needs_tokenizer: true, base: None };
    assert!(matches!(Checkpoint::open_with(dir.path(), &needs), Err(EncoderError::MissingFile { .. })));
}

#[test]
fn the_digest_knows_the_architecture_and_the_seed() {
    let digest = |name: &str, seed| drawn(&fixture(name), seed).unwrap().facts().weights_digest.clone();
    let all = [digest("bert", 0), digest("bert", 1), digest("bert-gelu-new", 0)];
    assert!(all.iter().all(|digest| digest.starts_with("sha256:")));
    assert!(all[0] != all[1] && all[0] != all[2]);
    assert_ne!(all[0], Checkpoint::open(&fixture("bert")).unwrap().facts().weights_digest);
}

#[test]
fn norms_begin_as_they_are_and_embeddings_have_length_one_a_dimension() {
    // The embeddings of BERT end in a norm of scale 1 and shift 0.
    let first = &states(&fixture("bert"), 0)[0];
    for row in first.rows() {
        let n = row.len() as f32;
        let mean = row.sum() / n;
        let variance = row.iter().map(|value| (value - mean).powi(2)).sum::<f32>() / n;
        assert!(mean.abs() < 1e-5 && (variance - 1.0).abs() < 1e-4, "{mean} {variance}");
    }
}

#[test]
fn the_words_of_t5_have_the_spread_of_their_own() {
    // They are pushed as they are, and drawn with a standard deviation of 1.
    let t5 = drawn(&fixture("t5"), 0).unwrap().load().unwrap();
    let ids: Vec<u32> = (0..211).collect();
    let words = &encode(t5.as_ref(), &[&ids])[0];
    let spread =
        (words.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>() / words.len() as f64).sqrt();
    // Five standard errors of 211 × 32 draws.
    assert!((spread - 1.0).abs() < 0.043, "{spread}");
}

#[test]
fn the_row_of_the_padding_token_is_zero_where_transformers_makes_it_so() {
    // The embeddings of this DeBERTa are words alone, normalised with scale 1 and shift 0; those of T5 are words as they are.
    let first = |name: &str| {
        let encoder = drawn(&fixture(name), 0).unwrap().load().unwrap();
        encode(encoder.as_ref(), &[&[0, 9]])[0].clone()
    };
    let (deberta, t5) = (first("deberta"), first("t5"));
    assert!(deberta.row(0).iter().all(|value| *value == 0.0), "{deberta:?}");
    assert!(deberta.row(1).iter().any(|value| *value != 0.0));
    assert!(t5.row(0).iter().all(|value| *value != 0.0), "T5 has no padding row");
}

#[test]
fn a_layer_count_that_no_memory_holds_is_refused() {
    let dir = support::damage::with_config("bert", |config| {
        config.insert("num_hidden_layers".into(), 1_000_000_000_000_u64.into());
    });
    assert!(matches!(drawn(dir.path(), 0), Err(EncoderError::TooLarge { .. })));
}

#[test]
fn what_cannot_be_initialised_is_refused_by_name() {
    let dir = support::damage::with_config("distilbert", |config| {
        config.insert("sinusoidal_pos_embds".into(), true.into());
    });
    let error = drawn(dir.path(), 0).unwrap_err().to_string();
    assert!(error.contains("`sinusoidal_pos_embds`"), "{error}");
}
