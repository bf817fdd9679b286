//! Low-rank adapters on the miniatures, against the merged models of peft, and adapters that are refused.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use isoscope_encoders::{AdapterError, Checkpoint, EncoderError, Opening, adapter_base};
use safetensors::Dtype;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use support::damage::{self, Tensors};
use support::reference::{Reference, TOLERANCE};
use support::{encode, fixture, max_difference};

const WEIGHTS: &str = "adapter_model.safetensors";
const CONFIG: &str = "adapter_config.json";
const QUERY: &str = "base_model.model.encoder.layer.0.attention.self.query";

fn adapter(case: &str) -> PathBuf {
    fixture("adapters").join(case)
}

fn on(dir: &Path, base: Option<&Path>) -> Result<Checkpoint, EncoderError> {
    Checkpoint::open_with(dir, &Opening { base, ..Opening::default() })
}

/// A copy of an adapter with other settings and tensors, on an absolute base.
fn changed(
    case: &str,
    config: impl FnOnce(&mut Map<String, Value>),
    tensors: impl FnOnce(&mut Tensors),
) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut settings: Value = serde_json::from_slice(&fs::read(adapter(case).join(CONFIG)).unwrap()).unwrap();
    settings["base_model_name_or_path"] = json!(fixture("bert"));
    config(settings.as_object_mut().unwrap());
    fs::write(dir.path().join(CONFIG), settings.to_string()).unwrap();
    let mut read = damage::tensors_of(&adapter(case).join(WEIGHTS));
    tensors(&mut read);
    damage::write(&dir.path().join(WEIGHTS), &read);
    dir
}

fn set(key: &'static str, value: Value) -> impl FnOnce(&mut Map<String, Value>) {
    move |config| drop(config.insert(key.to_owned(), value))
}

/// The error of an adapter; its message must contain every part.
fn refused(dir: &TempDir, parts: &[&str]) -> AdapterError {
    match on(dir.path(), None) {
        Err(EncoderError::Adapter(error)) => {
            let message = error.to_string();
            for part in parts {
                assert!(message.contains(part), "`{message}` does not say `{part}`");
            }
            error
        }
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was opened"),
    }
}

/// What an adapter makes of a text, layer by layer.
fn states(dir: &Path) -> Vec<ndarray::Array2<f32>> {
    encode(on(dir, None).unwrap().load().unwrap().as_ref(), &[&[2, 9, 57, 110, 31, 8, 3]])
}

#[test]
#[allow(clippy::print_stdout)]
fn adapters_on_their_bases_match_the_merged_models_of_peft_in_every_layer() {
    let mut cases: Vec<PathBuf> =
        fs::read_dir(fixture("adapters")).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    assert_eq!(cases.len(), 9);
    for case in cases {
        let checkpoint = on(&case, None).unwrap();
        let reference = Reference::read(&case.join("reference.safetensors"));
        let worst = reference.compare(checkpoint.load().unwrap().as_ref());
        println!("{}: largest difference per layer {worst:?}", case.display());
        assert!(worst.iter().all(|worst| *worst <= TOLERANCE), "{}: {worst:?}", case.display());
        // The test would also pass if nothing were merged and the adapter did nothing.
        let named = adapter_base(&case).unwrap().unwrap();
        let base = Checkpoint::open_for_ids(&case.join(named)).unwrap();
        assert!(reference.compare(base.load().unwrap().as_ref()).iter().any(|off| *off > 0.05));
        assert_ne!(checkpoint.facts().weights_digest, base.facts().weights_digest);
    }
}

#[test]
fn an_adapter_that_is_nothing_is_its_base_to_the_bit() {
    let dir = changed(
        "plain",
        |_| (),
        |tensors| {
            for (_, tensor) in tensors.iter_mut().filter(|(name, _)| name.contains("lora_B")) {
                tensor.2.fill(0);
            }
        },
    );
    let base = Checkpoint::open(&fixture("bert")).unwrap();
    let base = encode(base.load().unwrap().as_ref(), &[&[2, 9, 57, 110, 31, 8, 3]]);
    assert_eq!(states(dir.path()), base);
}

#[test]
fn the_base_that_is_given_goes_before_the_one_that_is_named() {
    let dir = changed("plain", set("base_model_name_or_path", json!("someone/model")), |_| ());
    assert_eq!(adapter_base(dir.path()).unwrap().as_deref(), Some("someone/model"));
    refused(&dir, &[CONFIG, "`someone/model`", "set `base`"]);
    let given = on(dir.path(), Some(&fixture("bert"))).unwrap();
    let named = on(changed("plain", |_| (), |_| ()).path(), None).unwrap();
    assert_eq!(given.facts().weights_digest, named.facts().weights_digest);
    let nothing = changed("plain", set("base_model_name_or_path", Value::Null), |_| ());
    refused(&nothing, &["of nothing", "set `base`"]);
    assert_eq!(adapter_base(&fixture("bert")).unwrap(), None);
}

#[test]
fn the_digest_knows_the_scaling_and_every_byte() {
    let digest = |dir: &TempDir| on(dir.path(), None).unwrap().facts().weights_digest.clone();
    let same = changed("plain", |_| (), |_| ());
    assert_eq!(digest(&same), digest(&changed("plain", |_| (), |_| ())));
    let scaled = changed("plain", set("lora_alpha", json!(9)), |_| ());
    let moved = changed("plain", |_| (), |t| t.get_mut(&format!("{QUERY}.lora_B.weight")).unwrap().2[0] ^= 1);
    let inert = changed("plain", set("lora_dropout", json!(0.5)), |_| ());
    assert_ne!(digest(&scaled), digest(&same));
    assert_ne!(digest(&moved), digest(&same));
    assert_eq!(digest(&inert), digest(&same), "dropout changes nothing that is computed");
}

#[test]
fn turned_weights_are_a_matter_of_other_layers() {
    // peft ignores the field for dense layers, which these all are.
    let dir = changed("plain", set("fan_in_fan_out", json!(true)), |_| ());
    assert_eq!(states(dir.path()), states(&adapter("plain")));
}

#[test]
fn the_adapters_own_tokenizer_and_modules_go_before_those_of_the_base() {
    let dir = changed("plain", |_| (), |_| ());
    let opened = on(dir.path(), None).unwrap();
    let base = Checkpoint::open(&fixture("bert")).unwrap();
    assert_eq!(opened.facts().tokenizer_digest, base.facts().tokenizer_digest);
    let own = fs::read_to_string(fixture("bert").join("tokenizer.json")).unwrap() + "\n";
    fs::write(dir.path().join("tokenizer.json"), own).unwrap();
    let opened = on(dir.path(), None).unwrap();
    assert_ne!(opened.facts().tokenizer_digest, base.facts().tokenizer_digest);
}

#[test]
fn settings_that_are_not_computed_are_refused_by_name() {
    let cases = [
        ("peft_type", json!("IA3"), "is `IA3`; only LORA is supported"),
        ("lora_bias", json!(true), "is true, which is not supported"),
        ("layer_replication", json!([[0, 2]]), "is [[0,2]], which is not supported"),
        ("trainable_token_indices", json!([5]), "which is not supported"),
        ("a_setting_of_the_future", json!(0.5), "is 0.5, which is not supported"),
        ("init_lora_weights", json!("pissa"), "changes the weights of the base"),
        ("rank_pattern", json!({"(": 2}), "has the key `(`"),
        ("r", json!(0), "must be at least 1"),
        ("r", json!(5), "has rank 4"),
    ];
    for (field, value, part) in cases {
        let dir = changed("plain", set(field, value), |_| ());
        let error = refused(&dir, &[CONFIG, &format!("`{field}`"), part]);
        assert!(matches!(error, AdapterError::Field { .. }), "{error}");
    }
}

#[test]
fn an_adapter_for_another_base_is_refused_with_the_tensor_and_both_shapes() {
    // ELECTRA's layers are BERT's, but its tables are narrower.
    let error = on(&adapter("tables"), Some(&fixture("electra"))).unwrap_err().to_string();
    for part in ["position_embeddings.lora_embedding_B", "[32, 4]", "[80, 16]", "an adapter for another base"]
    {
        assert!(error.contains(part), "{error}");
    }
    let narrow = changed(
        "plain",
        |_| (),
        |tensors| {
            let half =
                |tensor: &(Dtype, Vec<usize>, Vec<u8>)| (tensor.0, vec![4, 16], tensor.2[..256].to_vec());
            let tensor = tensors.get_mut(&format!("{QUERY}.lora_A.weight")).unwrap();
            *tensor = half(tensor);
        },
    );
    let error = refused(&narrow, &[&format!("{QUERY}.lora_A.weight"), "[4, 16]", "[32, 32]"]);
    assert!(matches!(error, AdapterError::Shape { .. }));
    let saved = changed(
        "saved",
        |_| (),
        |tensors| {
            let name = "base_model.model.bert.embeddings.token_type_embeddings.weight";
            let tensor = tensors.get_mut(name).unwrap();
            *tensor = (tensor.0, vec![1, 32], tensor.2[..128].to_vec());
        },
    );
    refused(&saved, &["token_type_embeddings.weight", "[1, 32]", "[2, 32]"]);
}

#[test]
fn tensors_that_match_nothing_are_never_passed_over() {
    let renamed = |from: &'static str, to: &'static str| {
        move |tensors: &mut Tensors| {
            let all = std::mem::take(tensors).into_iter();
            *tensors = all.map(|(name, tensor)| (name.replace(from, to), tensor)).collect();
        }
    };
    let deeper = changed("plain", |_| (), renamed("layer.2.", "layer.7."));
    refused(&deeper, &["encoder.layer.7.", "matches no tensor of the base"]);
    let elsewhere = changed("plain", |_| (), renamed("encoder.", "tower."));
    refused(&elsewhere, &["tower.layer.0", "matches no tensor of the base"]);
    let rootless = changed("plain", |_| (), renamed("base_model.model.", ""));
    refused(&rootless, &["encoder.layer.0", "is of a kind that is not supported"]);
    let biased = changed("plain", |_| (), renamed("query.lora_B.weight", "query.lora_B.bias"));
    refused(&biased, &["query.lora_B.bias", "is of a kind that is not supported"]);
    let heads = changed("saved", |_| (), |tensors| tensors.retain(|name, _| name.contains("classifier")));
    refused(&heads, &["classifier", "changes nothing of the encoder"]);
}

#[test]
fn updates_that_are_not_whole_are_refused() {
    let without =
        |part: &'static str| move |t: &mut Tensors| t.retain(|name, _| name != &format!("{QUERY}.{part}"));
    let half = changed("plain", |_| (), without("lora_B.weight"));
    refused(&half, &[&format!("{QUERY}.lora_A.weight"), "the other is missing"]);
    let short = changed("dora", |_| (), without("lora_magnitude_vector"));
    refused(&short, &[QUERY, "has no magnitudes, but `use_dora` is true"]);
    let more = changed("dora", set("use_dora", json!(false)), |_| ());
    refused(&more, &["has magnitudes, but `use_dora` is not true"]);
}

#[test]
fn bases_are_for_adapters_and_are_none_themselves() {
    let error = on(&fixture("bert"), Some(&fixture("bert"))).unwrap_err();
    assert!(matches!(error, EncoderError::Adapter(AdapterError::NotAnAdapter { .. })), "{error}");
    let error = on(&adapter("plain"), Some(&adapter("dora"))).unwrap_err();
    assert!(matches!(error, EncoderError::Adapter(AdapterError::BaseIsAdapter { .. })), "{error}");
    let drawn = Opening { base: Some(&fixture("bert")), random_seed: Some(0), needs_tokenizer: true };
    let error = Checkpoint::open_with(&fixture("bert"), &drawn).unwrap_err();
    assert!(matches!(error, EncoderError::Adapter(AdapterError::OfRandom)), "{error}");
}

#[test]
fn pickled_and_missing_weights_of_adapters_are_refused() {
    let dir = changed("plain", |_| (), |_| ());
    fs::rename(dir.path().join(WEIGHTS), dir.path().join("adapter_model.bin")).unwrap();
    let error = on(dir.path(), None).unwrap_err();
    assert!(
        matches!(error, EncoderError::PickledWeights { .. })
            && error.to_string().contains("adapter_model.bin")
    );
    fs::remove_file(dir.path().join("adapter_model.bin")).unwrap();
    let error = on(dir.path(), None).unwrap_err();
    assert!(matches!(error, EncoderError::MissingFile { .. }) && error.to_string().contains(WEIGHTS));
}

#[test]
fn adapters_in_half_precision_are_widened() {
    let dir = changed(
        "plain",
        |_| (),
        |tensors| {
            for tensor in tensors.values_mut() {
                let bits = tensor.2.chunks_exact(4).flat_map(|b| [b[2], b[3]]).collect();
                *tensor = (Dtype::BF16, tensor.1.clone(), bits);
            }
        },
    );
    let (half, whole) = (states(dir.path()), states(&adapter("plain")));
    let off = half.iter().zip(&whole).map(|(a, b)| max_difference(a.view(), b.view())).fold(0.0, f32::max);
    assert!(off > 0.0 && off < 0.2, "{off}");
    let wrong = changed(
        "plain",
        |_| (),
        |tensors| {
            let tensor = tensors.get_mut(&format!("{QUERY}.lora_A.weight")).unwrap();
            tensor.0 = Dtype::I32;
        },
    );
    assert!(matches!(on(wrong.path(), None), Err(EncoderError::TensorType { .. })));
}
