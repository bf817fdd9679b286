//! What each family refuses, and the layouts of its real checkpoints that must be accepted.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::path::Path;

use isoscope_encoders::{Checkpoint, EncoderError, TokenBatch, model_types};
use ndarray::Array2;
use safetensors::tensor::Dtype;
use serde_json::{Value, json};

use support::damage::{Tensors, refused, with_config, with_tensors};
use support::{Keep, encode, fixture, max_difference};

const MINIATURES: [&str; 8] =
    ["roberta", "xlm-roberta", "camembert", "distilbert", "mpnet", "electra", "albert", "t5"];

fn layers(dir: &Path) -> Vec<Array2<f32>> {
    let encoder = Checkpoint::open(dir).unwrap().load().unwrap();
    encode(encoder.as_ref(), &[&[2, 87, 113, 131, 48, 76, 3]])
}

fn last_layer(dir: &Path) -> Array2<f32> {
    layers(dir).pop().unwrap()
}

/// Sets a field of a miniature's configuration.
fn with(name: &str, field: &str, value: Value) -> tempfile::TempDir {
    with_config(name, |config| drop(config.insert(field.to_owned(), value)))
}

fn rename(tensors: &mut Tensors, name: impl Fn(&str) -> String) {
    *tensors = std::mem::take(tensors).into_iter().map(|(old, tensor)| (name(&old), tensor)).collect();
}

#[test]
fn values_that_cannot_work_are_refused_with_their_field() {
    for (name, field, value) in [
        ("roberta", "pad_token_id", json!(79)),
        ("roberta", "num_attention_heads", json!(5)),
        ("xlm-roberta", "position_embedding_type", json!("relative_key_query")),
        ("camembert", "is_decoder", json!(true)),
        ("distilbert", "dim", json!(0)),
        ("distilbert", "n_heads", json!(7)),
        ("mpnet", "num_attention_heads", json!(3)),
        ("mpnet", "layer_norm_eps", json!(0)),
        ("mpnet", "max_position_embeddings", json!(2)),
        ("mpnet", "relative_attention_num_buckets", json!(16)),
        ("electra", "embedding_size", json!(0)),
        ("electra", "position_embedding_type", json!("relative_key")),
        ("electra", "is_decoder", json!(true)),
        ("albert", "num_hidden_groups", json!(0)),
        ("albert", "inner_group_num", json!(0)),
        ("albert", "num_hidden_layers", json!(1_000_000_000_000_u64)),
        ("albert", "num_hidden_layers", json!(u64::MAX)),
        ("t5", "d_kv", json!(0)),
        ("t5", "d_kv", json!(u64::MAX)),
        ("t5", "num_layers", json!(0)),
        ("t5", "n_positions", json!(1_000_000_000_000_u64)),
        ("t5", "relative_attention_num_buckets", json!(3)),
        ("t5", "relative_attention_max_distance", json!(8)),
        ("t5", "layer_norm_epsilon", json!(-1.0)),
        ("t5", "is_decoder", json!(true)),
        ("t5", "feed_forward_proj", json!("fused-gelu")),
    ] {
        let error = refused(&with(name, field, value.clone()), &["config.json", &format!("`{field}`")]);
        assert!(matches!(error, EncoderError::ConfigField { .. }), "{name}: {field} = {value}");
    }
}

#[test]
fn unknown_activations_are_refused_with_the_field_that_names_them() {
    for (name, field) in [
        ("roberta", "hidden_act"),
        ("distilbert", "activation"),
        ("mpnet", "hidden_act"),
        ("electra", "hidden_act"),
        ("albert", "hidden_act"),
        ("t5", "dense_act_fn"),
    ] {
        let error = refused(&with(name, field, json!("mish")), &[field, "`mish`", "gelu_new"]);
        assert!(matches!(error, EncoderError::UnknownActivation { .. }), "{name}");
    }
    let dir = with_config("t5", |config| {
        config.remove("dense_act_fn");
        config.insert("feed_forward_proj".into(), json!("gated-mish"));
    });
    refused(&dir, &["feed_forward_proj", "`mish`"]);
}

#[test]
fn missing_fields_of_every_family_are_named() {
    for (name, field) in [
        ("roberta", "type_vocab_size"),
        ("distilbert", "hidden_dim"),
        ("mpnet", "relative_attention_num_buckets"),
        ("electra", "embedding_size"),
        ("albert", "embedding_size"),
        ("t5", "d_kv"),
    ] {
        let dir = with_config(name, |config| assert!(config.remove(field).is_some()));
        assert!(matches!(refused(&dir, &["config.json", field]), EncoderError::Json { .. }), "{name}");
    }
}

#[test]
fn tensors_that_only_some_families_have_are_checked() {
    for (miniature, tensor) in [
        ("mpnet", "encoder.relative_attention_bias.weight"),
        ("electra", "embeddings_project.weight"),
        ("albert", "encoder.embedding_hidden_mapping_in.weight"),
        ("albert", "encoder.albert_layer_groups.0.albert_layers.0.ffn_output.bias"),
        ("distilbert", "embeddings.position_embeddings.weight"),
        ("t5", "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight"),
        ("t5", "encoder.block.2.layer.1.DenseReluDense.wi_1.weight"),
        ("t5", "shared.weight"),
    ] {
        let dir = with_tensors(miniature, |t| assert!(t.remove(tensor).is_some()));
        assert!(matches!(refused(&dir, &[tensor]), EncoderError::MissingTensor { .. }), "{tensor}");
        let dir = with_tensors(miniature, |t| t.get_mut(tensor).unwrap().1.insert(0, 1));
        assert!(matches!(refused(&dir, &[tensor, "[1, "]), EncoderError::TensorShape { .. }), "{tensor}");
    }
    refused(&with("albert", "num_hidden_groups", json!(2)), &["albert_layer_groups.1.albert_layers.0"]);
    refused(&with("t5", "num_layers", json!(4_000_000_000_000_u64)), &["encoder.block.3."]);
}

#[test]
fn a_prefix_of_a_checkpoint_with_a_head_is_found() {
    for (miniature, prefix) in [
        ("roberta", "roberta."),
        ("xlm-roberta", "roberta."),
        ("camembert", "roberta."),
        ("distilbert", "distilbert."),
        ("mpnet", "mpnet."),
        ("electra", "electra."),
        ("albert", "albert."),
        ("t5", "transformer."),
    ] {
        let dir = with_tensors(miniature, |t| {
            rename(t, |name| format!("{prefix}{name}"));
            t.insert("lm_head.bias".into(), (Dtype::F32, vec![211], vec![0; 844]));
        });
        assert_eq!(last_layer(dir.path()), last_layer(&fixture(miniature)), "{miniature}");
    }
}

#[test]
fn t5_takes_its_own_table_of_words_before_the_shared_one() {
    const OWN: &str = "encoder.embed_tokens.weight";
    let only_own = with_tensors("t5", |t| rename(t, |name| name.replace("shared.weight", OWN)));
    assert_eq!(layers(only_own.path()), layers(&fixture("t5")));
    let both = with_tensors("t5", |t| {
        let zeros = t["shared.weight"].2.iter().map(|_| 0).collect();
        t.insert(OWN.into(), (Dtype::F32, vec![211, 32], zeros));
    });
    assert!(layers(both.path())[0].iter().all(|v| *v == 0.0));
}

#[test]
fn t5_reads_its_feed_forward_form_from_either_pair_of_fields() {
    let dir = with_config("t5", |config| {
        config.remove("dense_act_fn");
        config.remove("is_gated_act");
    });
    assert_eq!(last_layer(dir.path()), last_layer(&fixture("t5")), "gated-gelu is gelu_new");
    let dir = with("t5", "feed_forward_proj", json!("relu"));
    assert_eq!(last_layer(dir.path()), last_layer(&fixture("t5")), "the other fields come first");
    let relu = with("t5", "dense_act_fn", json!("relu"));
    assert!(max_difference(last_layer(relu.path()).view(), last_layer(&fixture("t5")).view()) > 1e-3);
}

#[test]
fn the_longest_sequence_is_what_the_positions_leave() {
    for miniature in MINIATURES {
        let checkpoint = Checkpoint::open(&fixture(miniature)).unwrap();
        let longest = match miniature {
            "roberta" | "xlm-roberta" | "camembert" | "mpnet" => 78,
            "t5" => 512,
            _ => 80,
        };
        assert_eq!(checkpoint.facts().max_positions, longest, "{miniature}");
        let encoder = checkpoint.load().unwrap();
        let mut batch = TokenBatch::new();
        batch.push(&vec![5; longest]);
        encoder.encode(&batch, &mut Keep::default()).unwrap();
        batch.push(&vec![5; longest + 1]);
        let error = encoder.encode(&batch, &mut Keep::default()).unwrap_err();
        assert!(matches!(error, EncoderError::SequenceTooLong { sequence: 1, .. }), "{miniature}: {error}");
    }
    let longer = with("t5", "n_positions", json!(700));
    assert_eq!(Checkpoint::open(longer.path()).unwrap().facts().max_positions, 700);
}

#[test]
fn token_types_count_where_a_family_has_them_and_are_nothing_where_it_has_none() {
    for miniature in MINIATURES {
        let encoder = Checkpoint::open(&fixture(miniature)).unwrap().load().unwrap();
        let (mut plain, mut pair) = (TokenBatch::new(), TokenBatch::new());
        plain.push(&[5, 6, 7, 8]);
        pair.push_pair(&[5, 6], &[7, 8]);
        let (mut of_plain, mut of_pair) = (Keep::default(), Keep::default());
        encoder.encode(&plain, &mut of_plain).unwrap();
        let result = encoder.encode(&pair, &mut of_pair);
        match miniature {
            "roberta" | "xlm-roberta" | "camembert" => {
                let error = result.unwrap_err();
                assert!(
                    matches!(error, EncoderError::TypeOutOfRange { position: 2, types: 1, .. }),
                    "{error}"
                );
            }
            "electra" | "albert" => assert_ne!(of_plain.layers[0].1, of_pair.layers[0].1, "{miniature}"),
            _ => assert_eq!(of_plain.layers, of_pair.layers, "{miniature}"),
        }
    }
}

#[test]
fn albert_applies_every_layer_of_a_group_in_turn() {
    // A group of two equal layers, applied once, is one layer applied twice.
    let doubled = with_tensors("albert", |t| {
        let copies: Tensors = t
            .iter()
            .filter(|(name, _)| name.contains("albert_layers.0."))
            .map(|(name, tensor)| (name.replace("albert_layers.0.", "albert_layers.1."), tensor.clone()))
            .collect();
        t.extend(copies);
    });
    let config = with_config("albert", |config| {
        config.insert("inner_group_num".into(), json!(2));
        config.insert("num_hidden_layers".into(), json!(1));
    });
    std::fs::copy(config.path().join("config.json"), doubled.path().join("config.json")).unwrap();
    let (inner, outer) = (layers(doubled.path()), layers(&fixture("albert")));
    assert_eq!(inner, outer[..3], "both of its hidden states are handed over");
}

#[test]
fn every_family_with_a_miniature_says_its_name() {
    for miniature in MINIATURES {
        let checkpoint = Checkpoint::open(&fixture(miniature)).unwrap();
        assert_eq!(checkpoint.facts().model_type, miniature);
        assert!(model_types().any(|name| name == miniature));
    }
}
