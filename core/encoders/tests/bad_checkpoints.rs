//! Directories that are not what they should be, and the layouts of real checkpoints that must be accepted.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use isoscope_encoders::{Checkpoint, EncoderError};
use safetensors::tensor::Dtype;
use tempfile::TempDir;

use support::damage::{self, Tensors, WEIGHTS, refused, write};
use support::{encode, fixture, max_difference};

/// A copy of the miniature BERT that a test may damage.
fn copy() -> TempDir {
    damage::copy("bert")
}

fn with_tensors(change: impl FnOnce(&mut Tensors)) -> TempDir {
    damage::with_tensors("bert", change)
}

fn with_config(change: impl FnOnce(&mut serde_json::Map<String, serde_json::Value>)) -> TempDir {
    damage::with_config("bert", change)
}

/// Opens and loads a directory and returns its last layer for a fixed sequence.
fn last_layer(dir: &Path) -> ndarray::Array2<f32> {
    let encoder = Checkpoint::open(dir).unwrap().load().unwrap();
    encode(encoder.as_ref(), &[&[2, 87, 113, 131, 48, 76, 3]]).pop().unwrap()
}

fn assert_same_as_original(dir: &Path, tolerance: f32) {
    let worst = max_difference(last_layer(dir).view(), last_layer(&fixture("bert")).view());
    assert!(worst <= tolerance, "{worst:e}");
}

#[test]
fn a_directory_without_weights_is_refused() {
    let dir = copy();
    fs::remove_file(dir.path().join(WEIGHTS)).unwrap();
    assert!(matches!(refused(&dir, &["model.safetensors"]), EncoderError::NoWeights { .. }));
}

#[test]
fn pickled_weights_are_refused_with_the_reason() {
    let dir = copy();
    fs::rename(dir.path().join(WEIGHTS), dir.path().join("pytorch_model.bin")).unwrap();
    let error = refused(&dir, &["pytorch_model.bin", "can run any code", "convert it"]);
    assert!(matches!(error, EncoderError::PickledWeights { .. }));
}

#[test]
fn truncated_and_oversized_headers_are_refused() {
    let whole = fs::read(fixture("bert").join(WEIGHTS)).unwrap();
    let oversized = |claim: u64| [claim.to_le_bytes().as_slice(), &whole[8..]].concat();
    let cases: [(Vec<u8>, &str); 7] = [
        (Vec::new(), "0 bytes cannot hold"),
        (whole[..5].to_vec(), "5 bytes cannot hold"),
        (whole[..100].to_vec(), "the file is truncated"),
        (whole[..whole.len() - 1].to_vec(), "its tensors take"),
        ([whole.as_slice(), &[0]].concat(), "its tensors take"),
        (oversized(u64::MAX), "the format allows"),
        (oversized(90_000_000), "the file is truncated"),
    ];
    for (bytes, part) in cases {
        let dir = copy();
        fs::write(dir.path().join(WEIGHTS), bytes).unwrap();
        let error = refused(&dir, &["model.safetensors", "not a sound safetensors file", part]);
        assert!(matches!(error, EncoderError::Header { .. }));
    }
}

#[test]
fn headers_with_overlapping_or_unreadable_entries_are_refused() {
    let overlap = r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
    let backwards = r#"{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,0]}}"#;
    let huge = r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,4]}}"#;
    for header in [overlap, backwards, huge, "not json at all"] {
        let dir = copy();
        let bytes = [(header.len() as u64).to_le_bytes().as_slice(), header.as_bytes(), &[0; 4]].concat();
        fs::write(dir.path().join(WEIGHTS), bytes).unwrap();
        assert!(matches!(refused(&dir, &[]), EncoderError::Header { .. }), "{header}");
    }
}

#[test]
fn a_missing_tensor_is_named() {
    let name = "encoder.layer.1.output.dense.bias";
    let dir = with_tensors(|t| assert!(t.remove(name).is_some()));
    assert!(matches!(refused(&dir, &[name]), EncoderError::MissingTensor { .. }));
}

#[test]
fn weights_under_an_unknown_prefix_are_refused_with_the_names_tried() {
    let dir = with_tensors(|t| {
        *t = std::mem::take(t).into_iter().map(|(n, v)| (format!("tower.{n}"), v)).collect();
    });
    let parts = ["`embeddings.word_embeddings.weight`", "`bert.embeddings.word_embeddings.weight`"];
    assert!(matches!(refused(&dir, &parts), EncoderError::MissingTensor { .. }));
}

#[test]
fn a_tensor_of_the_wrong_shape_is_named_with_both_shapes() {
    let name = "encoder.layer.0.intermediate.dense.weight";
    let dir = with_tensors(|t| t.get_mut(name).unwrap().1.reverse());
    assert!(matches!(refused(&dir, &[name, "[64, 32]", "[32, 64]"]), EncoderError::TensorShape { .. }));
}

#[test]
fn a_tensor_that_cannot_be_widened_is_named_with_its_format() {
    let name = "embeddings.LayerNorm.bias";
    let dir = with_tensors(|t| {
        let tensor = t.get_mut(name).unwrap();
        *tensor = (Dtype::I32, tensor.1.clone(), tensor.2.clone());
    });
    assert!(matches!(refused(&dir, &[name, "I32", "BF16"]), EncoderError::TensorType { .. }));
}

#[test]
fn an_absurd_layer_count_is_refused_at_the_first_layer_that_is_not_there() {
    let dir = with_config(|c| drop(c.insert("num_hidden_layers".into(), 1_000_000_000_000_u64.into())));
    refused(&dir, &["encoder.layer.3.attention.self.query.weight"]);
}

#[test]
fn missing_and_mistyped_config_fields_are_named() {
    let dir = with_config(|c| drop(c.remove("intermediate_size")));
    assert!(matches!(refused(&dir, &["config.json", "intermediate_size"]), EncoderError::Json { .. }));
    let dir = with_config(|c| drop(c.remove("model_type")));
    refused(&dir, &["config.json", "model_type"]);
    let dir = with_config(|c| drop(c.insert("hidden_size".into(), "wide".into())));
    refused(&dir, &["config.json", "wide", "column"]);
}

#[test]
fn config_values_that_cannot_work_are_refused_with_their_field() {
    for (field, value) in [
        ("num_attention_heads", serde_json::json!(5)),
        ("num_attention_heads", serde_json::json!(0)),
        ("layer_norm_eps", serde_json::json!(-1.0)),
        ("position_embedding_type", serde_json::json!("relative_key")),
        ("is_decoder", serde_json::json!(true)),
    ] {
        let dir = with_config(|c| drop(c.insert(field.into(), value)));
        assert!(matches!(refused(&dir, &[field]), EncoderError::ConfigField { .. }), "{field}");
    }
}

#[test]
fn an_unknown_model_type_is_refused_with_the_supported_ones() {
    let dir = with_config(|c| drop(c.insert("model_type".into(), "gpt2".into())));
    assert!(matches!(
        refused(&dir, &["gpt2", "supported are: albert, bert, "]),
        EncoderError::UnsupportedModel { .. }
    ));
}

#[test]
fn an_unknown_activation_is_refused_with_the_supported_ones() {
    let dir = with_config(|c| drop(c.insert("hidden_act".into(), "swish".into())));
    assert!(matches!(refused(&dir, &["swish", "gelu_pytorch_tanh"]), EncoderError::UnknownActivation { .. }));
}

#[test]
fn missing_and_broken_tokenizers_and_configurations_are_named() {
    for file in ["tokenizer.json", "config.json"] {
        let dir = copy();
        fs::remove_file(dir.path().join(file)).unwrap();
        assert!(matches!(refused(&dir, &[file]), EncoderError::MissingFile { .. }), "{file}");
    }
    let dir = copy();
    fs::remove_file(dir.path().join("tokenizer.json")).unwrap();
    let untokenized = Checkpoint::open_for_ids(dir.path()).unwrap();
    assert_eq!(untokenized.facts().tokenizer_digest, "");
    assert!(matches!(untokenized.tokenizer().err(), Some(EncoderError::MissingFile { .. })));
    fs::write(dir.path().join("tokenizer.json"), "{}").unwrap();
    let error = Checkpoint::open(dir.path()).unwrap().tokenizer().err().unwrap();
    assert!(matches!(error, EncoderError::Tokenizer { .. }), "{error}");
}

#[test]
fn a_head_model_with_its_prefix_old_norm_names_and_position_ids_is_accepted() {
    let dir = with_tensors(|t| {
        let rename = |name: String| {
            name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
        };
        *t = std::mem::take(t).into_iter().map(|(n, v)| (format!("bert.{}", rename(n)), v)).collect();
        t.insert("bert.embeddings.position_ids".into(), (Dtype::I64, vec![1, 80], vec![0; 640]));
        t.insert("cls.predictions.bias".into(), (Dtype::F32, vec![211], vec![0; 844]));
    });
    assert_same_as_original(dir.path(), 0.0);
}

#[test]
fn half_precision_weights_are_widened() {
    // The upper half of an f32 is its bf16 truncation; both files then hold the same numbers.
    let (wide, narrow) = (
        with_tensors(|t| {
            for (_, _, data) in t.values_mut() {
                data.chunks_exact_mut(4).for_each(|v| v[..2].fill(0));
            }
        }),
        with_tensors(|t| {
            for (dtype, _, data) in t.values_mut() {
                *dtype = Dtype::BF16;
                *data = data.chunks_exact(4).flat_map(|v| [v[2], v[3]]).collect();
            }
        }),
    );
    assert_eq!(last_layer(wide.path()), last_layer(narrow.path()));
    // 1.0 in f16 is 0x3c00.
    let ones = |dtype, one: &'static [u8]| {
        with_tensors(move |t| {
            t.insert("embeddings.LayerNorm.bias".into(), (dtype, vec![32], one.repeat(32)));
        })
    };
    let (f32s, f16s) = (ones(Dtype::F32, &[0, 0, 0x80, 0x3f]), ones(Dtype::F16, &[0, 0x3c]));
    assert_eq!(last_layer(f32s.path()), last_layer(f16s.path()));
}

#[test]
fn shards_are_read_through_their_index() {
    let dir = copy();
    fs::remove_file(dir.path().join(WEIGHTS)).unwrap();
    let (mut first, mut second, mut map) = (Tensors::new(), Tensors::new(), BTreeMap::new());
    for (i, (name, tensor)) in damage::tensors("bert").into_iter().enumerate() {
        let (shard, file) = if i % 2 == 0 {
            (&mut first, "model-1.safetensors")
        } else {
            (&mut second, "model-2.safetensors")
        };
        map.insert(name.clone(), file);
        shard.insert(name, tensor);
    }
    write(&dir.path().join("model-1.safetensors"), &first);
    write(&dir.path().join("model-2.safetensors"), &second);
    let index = dir.path().join("model.safetensors.index.json");
    fs::write(&index, serde_json::json!({ "weight_map": map }).to_string()).unwrap();
    assert_same_as_original(dir.path(), 0.0);
    fs::write(&index, r#"{"weight_map": {"a": "../elsewhere.safetensors"}}"#).unwrap();
    refused(&dir, &["../elsewhere.safetensors"]);
}

#[test]
fn a_sentence_transformers_directory_is_followed_to_its_transformer() {
    for path in ["", "0_Transformer"] {
        let dir = tempfile::tempdir().unwrap();
        let inner = dir.path().join(path);
        fs::create_dir_all(&inner).unwrap();
        for file in [WEIGHTS, "config.json", "tokenizer.json"] {
            fs::copy(fixture("bert").join(file), inner.join(file)).unwrap();
        }
        let modules = serde_json::json!([
            { "idx": 0, "name": "0", "path": path, "type": "sentence_transformers.models.Transformer" },
            { "idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling" },
        ]);
        fs::write(dir.path().join("modules.json"), modules.to_string()).unwrap();
        assert_same_as_original(dir.path(), 0.0);
    }
}

#[test]
fn a_module_path_that_leaves_the_directory_is_refused() {
    let dir = copy();
    fs::write(dir.path().join("modules.json"), r#"[{"path": "../other"}]"#).unwrap();
    refused(&dir, &["modules.json", "../other"]);
}
