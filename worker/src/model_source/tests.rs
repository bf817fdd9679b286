//! What is fetched of a repository, told by one that lies in memory.
#![allow(clippy::unwrap_used)]

use super::wanted::{self, Origin, Parts};
use super::*;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use tempfile::TempDir;

/// A repository of files by name, and a directory for those that are fetched.
struct Memory {
    files: BTreeMap<String, String>,
    names: BTreeSet<String>,
    place: TempDir,
}

impl Memory {
    fn new(files: &[(&str, Value)]) -> Self {
        let files: BTreeMap<String, String> =
            files.iter().map(|(name, text)| ((*name).to_owned(), text.to_string())).collect();
        let names = files.keys().cloned().collect();
        Self { files, names, place: tempfile::tempdir().unwrap() }
    }

    fn try_fetch(&self, parts: Parts) -> Result<Vec<String>, SourceError> {
        wait_for(wanted::fetch(self, parts)).map(|fetched| fetched.into_keys().collect())
    }

    /// Names of the files that are fetched.
    fn fetched(&self) -> Vec<String> {
        self.try_fetch(Parts::Encoder).unwrap()
    }

    fn refused(&self) -> String {
        self.try_fetch(Parts::Encoder).unwrap_err().to_string()
    }
}

impl Origin for Memory {
    fn address(&self) -> String {
        "hf://a/b@main".to_owned()
    }

    fn names(&self) -> &BTreeSet<String> {
        &self.names
    }

    async fn fetch(&self, name: &str) -> Result<PathBuf, SourceError> {
        let path = self.place.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, &self.files[name]).unwrap();
        Ok(path)
    }
}

const BYTES: Value = Value::Null;

#[test]
fn a_directory_is_taken_as_it_is_and_has_no_revision() {
    let base = Path::new("base");
    let found = resolve("some/model", base).unwrap();
    assert_eq!(found, Resolved { dir: base.join("some/model"), revision: String::new() });
    let absolute = std::env::current_dir().unwrap();
    assert_eq!(resolve(absolute.to_str().unwrap(), base).unwrap().dir, absolute);
}

#[test]
fn an_address_that_is_none_is_refused_before_anything_is_asked() {
    assert!(matches!(resolve("ftp://a/b", Path::new("")), Err(SourceError::Address(_))));
}

#[test]
fn of_all_files_only_those_of_an_encoder_are_fetched() {
    let files = Memory::new(&[
        ("README.md", BYTES),
        ("config.json", BYTES),
        ("model.safetensors", BYTES),
        ("model.safetensors.index.json", BYTES),
        ("onnx/model.onnx", BYTES),
        ("pytorch_model.bin", BYTES),
        ("tokenizer.json", BYTES),
        ("vocab.txt", BYTES),
    ]);
    assert_eq!(files.fetched(), ["config.json", "model.safetensors", "tokenizer.json"]);
    assert!(wanted::is_whole(files.place.path(), Parts::Encoder));
}

#[test]
fn weights_in_shards_are_fetched_by_their_index() {
    let index =
        json!({"weight_map": {"a": "one.safetensors", "b": "two.safetensors", "c": "one.safetensors"}});
    let mut files = vec![
        ("config.json", BYTES),
        ("model.safetensors.index.json", index),
        ("one.safetensors", BYTES),
        ("other.safetensors", BYTES),
    ];
    let lacking = Memory::new(&files);
    assert!(lacking.refused().contains("the shard `two.safetensors` is not there"), "{}", lacking.refused());
    files.push(("two.safetensors", BYTES));
    let whole = Memory::new(&files);
    let names = ["config.json", "model.safetensors.index.json", "one.safetensors", "two.safetensors"];
    assert_eq!(whole.fetched(), names);
    assert!(wanted::is_whole(whole.place.path(), Parts::Encoder));
    fs::remove_file(whole.place.path().join("two.safetensors")).unwrap();
    assert!(!wanted::is_whole(whole.place.path(), Parts::Encoder));
}

#[test]
fn modules_bring_their_configurations_and_the_first_its_weights() {
    let modules = json!([{"path": "0_Transformer"}, {"path": "1_Pooling"}, {"path": "2_Normalize"}]);
    let files = Memory::new(&[
        ("0_Transformer/config.json", BYTES),
        ("0_Transformer/model.safetensors", BYTES),
        ("0_Transformer/tokenizer.json", BYTES),
        ("1_Pooling/config.json", BYTES),
        ("config_sentence_transformers.json", BYTES),
        ("modules.json", modules),
    ]);
    let names = [
        "0_Transformer/config.json",
        "0_Transformer/model.safetensors",
        "0_Transformer/tokenizer.json",
        "1_Pooling/config.json",
        "modules.json",
    ];
    assert_eq!(files.fetched(), names);
    assert!(wanted::is_whole(files.place.path(), Parts::Encoder));
}

#[test]
fn an_adapter_needs_no_weights_but_its_own() {
    let files = Memory::new(&[
        ("adapter_config.json", BYTES),
        ("adapter_model.safetensors", BYTES),
        ("tokenizer.json", BYTES),
    ]);
    assert_eq!(files.fetched(), ["adapter_config.json", "adapter_model.safetensors", "tokenizer.json"]);
    assert!(wanted::is_whole(files.place.path(), Parts::Encoder));
}

#[test]
fn a_configuration_alone_is_had_without_weights() {
    let files =
        Memory::new(&[("config.json", BYTES), ("pytorch_model.bin", BYTES), ("tokenizer.json", BYTES)]);
    assert_eq!(files.try_fetch(Parts::Configuration).unwrap(), ["config.json", "tokenizer.json"]);
    assert!(wanted::is_whole(files.place.path(), Parts::Configuration));
    assert!(!wanted::is_whole(files.place.path(), Parts::Encoder));
}

#[test]
fn what_holds_no_encoder_says_what_it_lacks() {
    let empty = Memory::new(&[("README.md", BYTES)]);
    assert!(empty.refused().contains("neither config.json nor adapter_config.json"));
    let bare = Memory::new(&[("config.json", BYTES), ("tokenizer.json", BYTES)]);
    assert!(bare.refused().contains("neither model.safetensors nor model.safetensors.index.json"));
    let pickled =
        Memory::new(&[("config.json", BYTES), ("pytorch_model.bin", BYTES), ("training_args.bin", BYTES)]);
    let refused = pickled.refused();
    assert!(refused.contains("only as pytorch_model.bin") && refused.contains("safetensors"), "{refused}");
}

#[test]
fn names_that_lead_out_of_the_repository_are_refused() {
    let modules = Memory::new(&[("modules.json", json!([{"path": "../other"}]))]);
    assert!(modules.refused().contains("`../other` leaves the directory"));
    let index = json!({"weight_map": {"a": "../one.safetensors"}});
    let shards = Memory::new(&[("config.json", BYTES), ("model.safetensors.index.json", index)]);
    assert!(shards.refused().contains("`../one.safetensors` leaves the directory"));
}
