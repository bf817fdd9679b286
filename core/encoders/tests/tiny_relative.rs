//! Miniature checkpoints of families with relative or rotary positions against transformers, every layer of every row.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::path::Path;

use isoscope_encoders::{Checkpoint, Encoder, EncoderError, TokenBatch};
use ndarray::{Array2, s};
use serde_json::json;

use support::damage::{copy, with_config};
use support::miniature::{batch, largest_difference, reference};
use support::{encode_batch, max_difference};

const FAMILIES: [&str; 8] = [
    "deberta",
    "deberta-absolute",
    "deberta-v2",
    "deberta-v2-conv",
    "modernbert",
    "modernbert-bias",
    "nomic-bert",
    "nomic-bert-prenorm",
];

fn open(dir: &Path) -> Box<dyn Encoder> {
    Checkpoint::open(dir).unwrap().load().unwrap()
}

fn load(name: &str) -> Box<dyn Encoder> {
    open(copy(name).path())
}

#[test]
fn every_family_matches_transformers_in_every_layer() {
    for name in FAMILIES {
        let sequences = reference(name);
        assert!(sequences.len() >= 4, "{name}");
        let worst = largest_difference(load(name).as_ref(), &sequences);
        assert!(worst <= 2e-5, "{name}: largest difference {worst:e}");
    }
}

#[test]
fn a_sequence_alone_gives_the_rows_it_gives_among_batch_mates() {
    for name in FAMILIES {
        let (encoder, sequences) = (load(name), reference(name));
        let together = encode_batch(encoder.as_ref(), &batch(&sequences));
        assert_eq!(
            together,
            encode_batch(encoder.as_ref(), &batch(&sequences)),
            "{name}: not the same bits twice"
        );
        let mut row = 0;
        for sequence in sequences {
            let end = row + sequence.input_ids.len();
            let alone = encode_batch(encoder.as_ref(), &batch(std::slice::from_ref(&sequence)));
            for (layer, states) in alone.iter().enumerate() {
                let worst = max_difference(together[layer].slice(s![row..end, ..]), states.view());
                assert!(worst <= 1e-5, "{name}, layer {layer}: {worst:e}");
            }
            row = end;
        }
    }
}

#[test]
fn facts_name_the_family_and_its_sizes() {
    for (name, model_type, states, width, positions, vocab) in [
        ("deberta", "deberta", 4, 32, 80, 211),
        ("deberta-v2", "deberta-v2", 4, 32, 80, 211),
        ("modernbert", "modernbert", 5, 32, 80, 211),
        ("nomic-bert", "nomic_bert", 3, 32, 80, 211),
    ] {
        let encoder = load(name);
        let facts = encoder.facts();
        assert_eq!(facts.model_type, model_type);
        let sizes = (facts.hidden_states, facts.width, facts.max_positions, facts.vocab);
        assert_eq!(sizes, (states, width, positions, vocab), "{name}");
    }
}

#[test]
fn layers_after_the_last_wanted_one_are_neither_computed_nor_normalised() {
    /// Wants one layer.
    struct One(usize, Option<Array2<f32>>);
    impl isoscope_encoders::HiddenStateSink for One {
        fn layer(
            &mut self,
            layer: usize,
            states: ndarray::ArrayView2<'_, f32>,
        ) -> Result<(), isoscope_encoders::SinkError> {
            assert_eq!(layer, self.0);
            self.1 = Some(states.to_owned());
            Ok(())
        }
        fn wants(&self, layer: usize) -> bool {
            layer == self.0
        }
    }
    for name in FAMILIES {
        let (encoder, batch) = (load(name), batch(&reference(name)));
        for (layer, expected) in encode_batch(encoder.as_ref(), &batch).into_iter().enumerate() {
            let mut sink = One(layer, None);
            encoder.encode(&batch, &mut sink).unwrap();
            assert_eq!(sink.1, Some(expected), "{name}, layer {layer}");
        }
    }
}

#[test]
fn batches_without_tokens_give_layers_without_rows() {
    for name in FAMILIES {
        let mut batch = TokenBatch::new();
        batch.push(&[]);
        let encoder = load(name);
        assert!(encode_batch(encoder.as_ref(), &batch).iter().all(|layer| layer.nrows() == 0), "{name}");
    }
}

#[test]
fn ids_types_and_lengths_that_the_model_does_not_have_are_refused() {
    for name in FAMILIES {
        let encoder = load(name);
        let facts = encoder.facts().clone();
        let refused = |batch: &TokenBatch| encoder.encode(batch, &mut support::Keep::default()).unwrap_err();
        let mut unknown = TokenBatch::new();
        unknown.push(&[5, facts.vocab as u32]);
        assert!(
            matches!(refused(&unknown), EncoderError::TokenOutOfVocabulary { position: 1, .. }),
            "{name}"
        );
        let mut long = TokenBatch::new();
        long.push(&vec![5; facts.max_positions]);
        encode_batch(encoder.as_ref(), &long);
        long.push(&vec![5; facts.max_positions + 1]);
        assert!(matches!(refused(&long), EncoderError::SequenceTooLong { sequence: 1, .. }), "{name}");
    }
    let dir = with_config("nomic-bert", |config| drop(config.insert("type_vocab_size".into(), json!(1))));
    let error = Checkpoint::open(dir.path()).unwrap_err();
    assert!(error.to_string().contains("token_type_embeddings"), "{error}");
}

#[test]
fn token_types_enter_where_the_model_has_them_and_are_ignored_where_not() {
    for name in FAMILIES {
        let encoder = load(name);
        let (mut plain, mut pair) = (TokenBatch::new(), TokenBatch::new());
        plain.push(&[5, 6, 7, 8]);
        pair.push_pair(&[5, 6], &[7, 8]);
        let first = |batch: &TokenBatch| encode_batch(encoder.as_ref(), batch).swap_remove(0);
        let difference = max_difference(first(&plain).view(), first(&pair).view());
        let has_types = ["deberta-absolute", "deberta-v2-conv", "nomic-bert", "nomic-bert-prenorm"];
        assert_eq!(difference > 1e-2, has_types.contains(&name), "{name}: {difference}");
    }
}

#[test]
fn no_thread_is_started_by_loading_or_encoding() {
    // 8,000 rows: far above the size from which candle's own sums go to its pool.
    for name in FAMILIES {
        let encoder = load(name);
        let ids = vec![5; encoder.facts().max_positions];
        let mut batch = TokenBatch::new();
        while batch.tokens() < 8000 {
            batch.push(&ids);
        }
        encode_batch(encoder.as_ref(), &batch);
    }
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let names: Vec<String> =
        tasks.filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).ok()).collect();
    assert!(!names.is_empty());
    assert!(names.iter().all(|name| !name.starts_with("candle") && !name.starts_with("rayon")), "{names:?}");
}

#[test]
fn a_nomic_bert_under_the_names_of_its_first_checkpoints_is_the_same_model() {
    let first = with_config("nomic-bert", |config| {
        let renamed = [
            ("hidden_size", "n_embd"),
            ("num_hidden_layers", "n_layer"),
            ("num_attention_heads", "n_head"),
            ("max_position_embeddings", "n_positions"),
            ("layer_norm_eps", "layer_norm_epsilon"),
        ];
        for (new, old) in renamed {
            let value = config.remove(new).unwrap();
            config.insert(old.into(), value);
        }
        for gone in ["hidden_act", "intermediate_size", "rope_parameters", "head_dim"] {
            assert!(config.remove(gone).is_some(), "{gone}");
        }
        // 250 is rounded up to 256.
        let added = json!({
            "n_inner": 250, "activation_function": "swiglu", "rotary_emb_base": 1000, "rotary_emb_fraction": 1.0,
            "qkv_proj_bias": false, "mlp_fc1_bias": false, "mlp_fc2_bias": false, "prenorm": false,
            "rotary_scaling_factor": null,
        });
        config.extend(added.as_object().unwrap().clone());
    });
    let batch = batch(&reference("nomic-bert"));
    let ours = encode_batch(load("nomic-bert").as_ref(), &batch);
    assert_eq!(encode_batch(open(first.path()).as_ref(), &batch), ours);
}

#[test]
fn a_nomic_bert_whose_positions_would_be_scaled_ends_where_they_begin_to_be() {
    for (factor, longest) in [(Some(json!(2.0)), 20), (Some(json!(null)), 30), (None, 20)] {
        let dir = with_config("nomic-bert-prenorm", |config| {
            config.remove("rotary_scaling_factor");
            config.insert("max_trained_positions".into(), json!(20));
            if let Some(factor) = factor {
                config.insert("rotary_scaling_factor".into(), factor);
            }
        });
        assert_eq!(open(dir.path()).facts().max_positions, longest);
    }
}

#[test]
fn a_modernbert_in_the_form_of_its_first_release_is_the_same_model() {
    let first = with_config("modernbert", |config| {
        for gone in ["layer_types", "rope_parameters"] {
            assert!(config.remove(gone).is_some(), "{gone}");
        }
        let added = json!({
            "global_attn_every_n_layers": 2, "global_rope_theta": 160_000.0, "local_rope_theta": 10_000.0,
            "position_embedding_type": "absolute", "reference_compile": null,
        });
        config.extend(added.as_object().unwrap().clone());
    });
    let batch = batch(&reference("modernbert"));
    assert_eq!(
        encode_batch(open(first.path()).as_ref(), &batch),
        encode_batch(load("modernbert").as_ref(), &batch)
    );
}

#[test]
fn position_types_in_one_string_are_those_of_the_list() {
    for name in ["deberta", "deberta-v2"] {
        let joined =
            with_config(name, |config| drop(config.insert("pos_att_type".into(), json!("P2C| c2p"))));
        let batch = batch(&reference(name));
        assert_eq!(
            encode_batch(open(joined.path()).as_ref(), &batch),
            encode_batch(load(name).as_ref(), &batch)
        );
    }
}

#[test]
fn each_kind_of_relative_position_counts() {
    // Guards the comparison with transformers: were a kind ignored, leaving it out would change no more than the scale.
    for name in ["deberta", "deberta-v2"] {
        let batch = batch(&reference(name));
        let both = encode_batch(load(name).as_ref(), &batch);
        for kind in ["c2p", "p2c"] {
            let one = with_config(name, |config| drop(config.insert("pos_att_type".into(), json!([kind]))));
            let one = encode_batch(open(one.path()).as_ref(), &batch);
            assert!(max_difference(both[3].view(), one[3].view()) > 1e-2, "{name} with {kind} alone");
        }
    }
}
