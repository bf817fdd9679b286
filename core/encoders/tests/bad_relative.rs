//! Checkpoints of families with relative or rotary positions that must be refused, and layouts that must be accepted.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::path::Path;

use isoscope_encoders::{Checkpoint, EncoderError, TokenBatch};
use safetensors::tensor::Dtype;
use serde_json::{Value, json};

use support::damage::{copy, with_config, with_tensors};
use support::encode_batch;

/// Sets one field; the error must be about that field, or about `named`.
fn assert_refused(name: &str, field: &str, value: &Value, named: &str) {
    let dir = with_config(name, |config| {
        if value == "absent" {
            assert!(config.remove(field).is_some(), "{field}");
        } else {
            config.insert(field.into(), value.clone());
        }
    });
    match Checkpoint::open(dir.path()) {
        Err(
            EncoderError::ConfigField { field: found, path, .. }
            | EncoderError::UnknownActivation { field: found, path, .. },
        ) => {
            assert_eq!(found, named, "{name} with {field} {value}");
            assert!(path.ends_with("config.json"));
        }
        other => panic!("{name} with {field} {value}: {other:?}"),
    }
}

/// Checks fields that are themselves named.
fn assert_all_refused(name: &str, cases: &[(&str, Value)]) {
    for (field, value) in cases {
        assert_refused(name, field, value, field);
    }
}

#[test]
fn configurations_of_both_debertas_that_are_not_computed_are_refused_with_their_field() {
    for name in ["deberta", "deberta-v2"] {
        let cases = [
            ("vocab_size", json!(0)),
            ("hidden_size", json!(0)),
            ("embedding_size", json!(0)),
            ("intermediate_size", json!(0)),
            ("max_position_embeddings", json!(0)),
            ("max_position_embeddings", json!(1_000_000_000_000_u64)),
            ("max_relative_positions", json!(1_000_000_000_000_u64)),
            ("num_attention_heads", json!(0)),
            ("num_attention_heads", json!(5)),
            ("layer_norm_eps", json!(0.0)),
            ("hidden_act", json!("gelu_fast")),
            ("is_decoder", json!(true)),
            ("pos_att_type", json!(["c2p", "p2p"])),
            ("pos_att_type", json!("c2p|c2p")),
        ];
        assert_all_refused(name, &cases);
    }
    assert_refused("deberta", "talking_head", &json!(true), "talking_head");
}

#[test]
fn configurations_of_deberta_v2_that_are_not_computed_are_refused_with_their_field() {
    let cases = [
        ("attention_head_size", json!(16)),
        ("norm_rel_ebd", json!("layer_norm|batch_norm")),
        ("position_buckets", json!(1)),
        ("position_buckets", json!(1_000_000_000)),
        ("max_relative_positions", json!(9)),
    ];
    assert_all_refused("deberta-v2", &cases);
    let cases = [("conv_kernel_size", json!(4)), ("conv_groups", json!(2)), ("conv_act", json!("mish"))];
    assert_all_refused("deberta-v2-conv", &cases);
}

#[test]
fn configurations_of_modernbert_that_are_not_computed_are_refused_with_their_field() {
    let cases = [
        ("vocab_size", json!(0)),
        ("hidden_size", json!(0)),
        ("intermediate_size", json!(0)),
        ("num_hidden_layers", json!(0)),
        ("max_position_embeddings", json!(0)),
        ("max_position_embeddings", json!(1_000_000_000_000_u64)),
        ("num_attention_heads", json!(5)),
        ("num_attention_heads", json!(32)),
        ("head_dim", json!(16)),
        ("norm_eps", json!(-1e-5)),
        ("hidden_activation", json!("mish")),
        ("is_decoder", json!(true)),
        ("rope_scaling", json!({ "rope_type": "linear", "factor": 2.0 })),
        ("rope_parameters", json!({ "full_attention": { "rope_type": "yarn" } })),
        ("rope_parameters", json!({ "sliding_attention": { "partial_rotary_factor": 0.5 } })),
        ("rope_parameters", json!({ "sliding_attention": { "rope_theta": 0.0 } })),
        ("layer_types", json!(["full_attention"])),
        ("layer_types", json!(vec!["linear_attention"; 4])),
    ];
    assert_all_refused("modernbert", &cases);
    for (field, value) in [
        ("global_attn_every_n_layers", json!(0)),
        ("global_rope_theta", json!(-1.0)),
        ("local_rope_theta", json!(0.0)),
    ] {
        let dir = with_config("modernbert", |config| {
            config.remove("layer_types");
            config.remove("rope_parameters");
            config.insert(field.into(), value);
        });
        let error = Checkpoint::open(dir.path()).unwrap_err();
        assert!(error.to_string().contains(&format!("`{field}`")), "{error}");
    }
    // Releases of transformers differ in what null stands for.
    let dir = with_config("modernbert", |config| drop(config.insert("local_rope_theta".into(), Value::Null)));
    let error = Checkpoint::open(dir.path()).unwrap_err();
    assert!(matches!(error, EncoderError::Json { .. }) && error.to_string().contains("null"), "{error}");
}

#[test]
fn configurations_of_nomic_bert_that_are_not_computed_are_refused_with_their_field() {
    let cases = [
        ("vocab_size", json!(0)),
        ("hidden_size", json!("absent")),
        ("hidden_size", json!(0)),
        ("num_hidden_layers", json!(0)),
        ("num_hidden_layers", json!("absent")),
        ("num_attention_heads", json!(5)),
        ("num_attention_heads", json!("absent")),
        ("intermediate_size", json!(0)),
        ("intermediate_size", json!("absent")),
        ("max_position_embeddings", json!("absent")),
        ("max_position_embeddings", json!(0)),
        ("max_position_embeddings", json!(1_000_000_000_000_u64)),
        ("layer_norm_eps", json!(0.0)),
        ("layer_norm_eps", json!("absent")),
        ("head_dim", json!(4)),
        ("hidden_act", json!("mish")),
        ("rope_parameters", json!({ "rope_type": "dynamic", "rope_theta": 1000.0, "factor": 2.0 })),
        ("is_decoder", json!(true)),
    ];
    assert_all_refused("nomic-bert", &cases);
    // Both names of one thing, with different values.
    for (field, value, named) in [
        ("n_embd", json!(64), "hidden_size"),
        ("n_layer", json!(3), "num_hidden_layers"),
        ("n_head", json!(2), "num_attention_heads"),
        ("n_positions", json!(81), "max_position_embeddings"),
        ("n_inner", json!(257), "intermediate_size"),
        ("layer_norm_epsilon", json!(1e-5), "layer_norm_eps"),
        ("rotary_emb_base", json!(10_000), "rotary_emb_base"),
    ] {
        assert_refused("nomic-bert", field, &value, named);
    }
}

#[test]
fn configurations_of_first_nomic_berts_that_are_not_computed_are_refused_with_their_field() {
    let mut cases = vec![
        ("activation_function", json!("glu")),
        ("activation_function", json!("gelu")),
        ("rotary_emb_base", json!("absent")),
        ("rotary_emb_base", json!(-1)),
        ("rotary_emb_fraction", json!("absent")),
        ("rotary_emb_fraction", json!(0.0)),
        ("rotary_emb_fraction", json!(1.5)),
        ("rotary_emb_fraction", json!(0.3)),
        ("rotary_emb_fraction", json!(0.375)),
        ("rotary_emb_scale_base", json!(512)),
        ("num_heads_kv", json!(1)),
        ("moe_every_n_layers", json!(2)),
    ];
    let switches =
        ["rotary_emb_interleaved", "rotary_head_dim", "causal", "use_rms_norm", "parallel_block", "norm_mlp"];
    cases.extend(switches.map(|switch| (switch, json!(true))));
    assert_all_refused("nomic-bert-prenorm", &cases);
}

/// Every layer of a fixed batch.
fn states(dir: &Path) -> Vec<ndarray::Array2<f32>> {
    let mut batch = TokenBatch::new();
    batch.push_pair(&[5, 9, 17], &[3, 60, 42, 42]);
    encode_batch(Checkpoint::open(dir).unwrap().load().unwrap().as_ref(), &batch)
}

#[test]
fn a_head_model_with_its_prefix_is_the_same_encoder() {
    for (name, prefix) in [
        ("deberta", "deberta."),
        ("deberta-v2-conv", "deberta."),
        ("modernbert", "model."),
        ("nomic-bert", "bert."),
        ("nomic-bert-prenorm", "nomic_bert."),
    ] {
        let dir = with_tensors(name, |tensors| {
            let own = std::mem::take(tensors).into_iter();
            tensors.extend(own.map(|(name, tensor)| (format!("{prefix}{name}"), tensor)));
            tensors.insert("head.dense.weight".into(), (Dtype::F32, vec![1, 1], vec![0; 4]));
        });
        assert_eq!(states(dir.path()), states(copy(name).path()), "{name}");
    }
}

#[test]
fn half_precision_weights_are_widened() {
    for name in ["deberta", "deberta-v2", "modernbert", "nomic-bert"] {
        // The upper half of an f32 is its bf16 truncation; both files then hold the same numbers.
        let wide = with_tensors(name, |tensors| {
            let values = tensors.values_mut().flat_map(|(_, _, data)| data.chunks_exact_mut(4));
            values.for_each(|value| value[..2].fill(0));
        });
        let narrow = with_tensors(name, |tensors| {
            for (dtype, _, data) in tensors.values_mut() {
                *dtype = Dtype::BF16;
                *data = data.chunks_exact(4).flat_map(|value| [value[2], value[3]]).collect();
            }
        });
        assert_eq!(states(wide.path()), states(narrow.path()), "{name}");
    }
}

#[test]
fn a_missing_tensor_is_named() {
    for (name, tensor) in [
        ("deberta", "encoder.layer.1.attention.self.q_bias"),
        ("deberta", "encoder.layer.2.attention.self.pos_q_proj.bias"),
        ("deberta-absolute", "embeddings.position_embeddings.weight"),
        ("deberta-absolute", "embeddings.embed_proj.weight"),
        ("deberta-v2", "encoder.LayerNorm.weight"),
        ("deberta-v2-conv", "encoder.conv.conv.weight"),
        ("deberta-v2-conv", "encoder.layer.1.attention.self.pos_key_proj.bias"),
        ("modernbert", "layers.1.attn_norm.weight"),
        ("modernbert", "final_norm.weight"),
        ("modernbert-bias", "layers.2.mlp.Wi.bias"),
        ("nomic-bert", "encoder.layers.1.mlp.fc12.weight"),
        ("nomic-bert-prenorm", "encoder.layers.0.attn.out_proj.bias"),
    ] {
        let dir = with_tensors(name, |tensors| {
            assert!(tensors.remove(tensor).is_some(), "{name} has no {tensor}");
        });
        match Checkpoint::open(dir.path()) {
            Err(EncoderError::MissingTensor { name: found, .. }) => assert_eq!(found, tensor),
            other => panic!("{name} without {tensor}: {other:?}"),
        }
    }
}

#[test]
fn tables_of_another_size_than_the_configuration_says_are_named() {
    for (name, field, value, tensor) in [
        ("deberta", "max_relative_positions", 16, "encoder.rel_embeddings.weight"),
        ("deberta-v2", "position_buckets", 32, "encoder.rel_embeddings.weight"),
        ("deberta-v2-conv", "conv_kernel_size", 5, "encoder.conv.conv.weight"),
        ("modernbert", "intermediate_size", 32, "layers.0.mlp.Wi.weight"),
        ("nomic-bert", "type_vocab_size", 3, "embeddings.token_type_embeddings.weight"),
        ("nomic-bert-prenorm", "n_inner", 300, "encoder.layers.0.mlp.fc12.weight"),
        ("nomic-bert-prenorm", "pad_vocab_size_multiple", 64, "embeddings.word_embeddings.weight"),
    ] {
        let dir = with_config(name, |config| drop(config.insert(field.into(), json!(value))));
        match Checkpoint::open(dir.path()) {
            Err(EncoderError::TensorShape { name: found, .. }) => assert_eq!(found, tensor),
            other => panic!("{name} with {field} {value}: {other:?}"),
        }
    }
}

#[test]
fn an_absurd_layer_count_is_refused_at_the_first_layer_that_is_not_there() {
    for (name, field, tensor) in [
        ("deberta", "num_hidden_layers", "encoder.layer.3."),
        ("deberta-v2", "num_hidden_layers", "encoder.layer.3."),
        ("nomic-bert", "num_hidden_layers", "encoder.layers.2."),
        ("modernbert-bias", "num_hidden_layers", "layers.3."),
    ] {
        let dir = with_config(name, |config| {
            config.remove("layer_types");
            config.insert(field.into(), json!(1_000_000_000_000_u64));
        });
        let error = Checkpoint::open(dir.path()).unwrap_err();
        assert!(error.to_string().contains(tensor), "{name}: {error}");
    }
}
