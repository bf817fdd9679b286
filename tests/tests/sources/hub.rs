//! A hub that works.

use super::place::{FILES, Place, fixture};
use arrow_array::cast::AsArray as _;
use isoscope_tests::hub::Hub;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

const STUDY: &str = r#"
    name = "tiny"
    [[model]]
    name = "m"
    source = "nowhere"
    [[dataset]]
    name = "d"
    source = "t.txt"
    [[metric]]
    id = "spectrum.isoscore"
"#;

/// The files of an encoder by name, with others that nobody needs.
fn files(name: &str) -> BTreeMap<String, Vec<u8>> {
    let read = |file: &str| (file.to_owned(), fs::read(fixture(name).join(file)).unwrap());
    let mut files: BTreeMap<String, Vec<u8>> = FILES.into_iter().map(read).collect();
    files.insert("README.md".to_owned(), b"read me".to_vec());
    files.insert("pytorch_model.bin".to_owned(), vec![0; 20_000]);
    files
}

/// Runs the study with an encoder; returns the printed rows.
fn study(place: &Place, model: &str) -> Vec<Value> {
    fs::write(place.here().join("study.toml"), STUDY).unwrap();
    let output =
        place.output(&["run", "study.toml", "--model", &format!("m={model}"), "--out", "out", "-o", "json"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The values of a column of the measurements.
fn column(place: &Place, name: &str) -> BTreeSet<String> {
    let file = fs::File::open(place.here().join("out/measurements.parquet")).unwrap();
    let batches = ParquetRecordBatchReaderBuilder::try_new(file).unwrap().build().unwrap();
    let tables: Vec<_> = batches.map(|batch| batch.unwrap()).collect();
    let values = tables.iter().flat_map(|table| table[name].as_string::<i32>().iter());
    values.map(|value| value.unwrap().to_owned()).collect()
}

#[test]
fn an_encoder_of_a_hub_gives_the_bytes_that_its_directory_gives() {
    let hub = Hub::default();
    let commit = hub.commit_files("owner/tiny", "main", files("bert"));
    let place = Place::at(&hub);
    place.encode(fixture("bert").to_str().unwrap(), "local");
    place.encode("hf://owner/tiny", "remote");
    assert_eq!(place.vectors("remote"), place.vectors("local"));
    assert_eq!((place.revision("remote"), place.revision("local")), (commit.clone(), String::new()));
    let snapshot = place.kept(&format!("hf/hub/models--owner--tiny/snapshots/{commit}"));
    assert_eq!(snapshot, FILES, "nothing is fetched that nobody needs");
    assert_eq!(place.kept("hf/hub/models--owner--tiny/blobs").len(), FILES.len());
    let noted = place.here().join("hf/hub/models--owner--tiny/refs/main");
    assert_eq!(fs::read_to_string(noted).unwrap(), commit);
}

#[test]
fn what_was_fetched_once_is_not_fetched_again() {
    let hub = Hub::default();
    let commit = hub.commit_files("tiny", "main", files("bert"));
    let place = Place::at(&hub);
    place.encode("hf://tiny", "first");
    let fetched = hub.files_asked();
    assert!(fetched >= FILES.len());
    place.encode("hf://tiny", "second");
    place.encode(&format!("hf://tiny@{commit}"), "third");
    assert_eq!(hub.files_asked(), fetched);
    assert_eq!(place.vectors("second"), place.vectors("first"));
}

#[test]
fn a_new_commit_fetches_only_what_it_changes() {
    let hub = Hub::default();
    let mut changed = files("bert");
    hub.commit_files("tiny", "main", changed.clone());
    let place = Place::at(&hub);
    place.encode("hf://tiny", "first");
    let config = String::from_utf8(changed["config.json"].clone()).unwrap();
    changed.insert("config.json".to_owned(), format!("{config}\n").into_bytes());
    let commit = hub.commit_files("tiny", "main", changed);
    place.encode("hf://tiny", "second");
    assert_eq!(place.revision("second"), commit);
    assert_eq!(place.kept("hf/hub/models--tiny/blobs").len(), FILES.len() + 1);
    assert_eq!(place.kept(&format!("hf/hub/models--tiny/snapshots/{commit}")), FILES);
}

#[test]
fn without_a_network_the_cache_serves_what_it_holds_and_says_what_it_lacks() {
    let hub = Hub::default();
    let commit = hub.commit("owner/tiny", "main", &fixture("bert"), &FILES);
    let place = Place::at(&hub);
    place.encode("hf://owner/tiny", "first");
    let asked = hub.asked().len();
    let place = place.with("HF_HUB_OFFLINE", "1");
    let logged = place.encode("hf://owner/tiny", "second");
    assert!(!logged.contains("does not answer"), "{logged}");
    assert_eq!((place.vectors("second"), place.revision("second")), (place.vectors("first"), commit));
    let lacking = place.refused("hf://owner/other");
    assert!(lacking.contains("hf://owner/other@main is not in the cache"), "{lacking}");
    assert!(lacking.contains("HF_HUB_OFFLINE"), "{lacking}");
    assert!(place.refused("hf://owner/tiny@v2").contains("hf://owner/tiny@v2 is not in the cache"));
    assert_eq!(hub.asked().len(), asked, "nothing was asked");
}

#[test]
fn a_hub_that_does_not_answer_is_replaced_by_the_cache_with_a_warning() {
    let hub = Hub::default();
    hub.commit("tiny", "main", &fixture("bert"), &FILES);
    let place = Place::at(&hub);
    place.encode("hf://tiny", "first");
    drop(hub);
    let logged = place.encode("hf://tiny", "second");
    assert!(logged.contains("WARN") && logged.contains("does not answer"), "{logged}");
    assert_eq!(place.vectors("second"), place.vectors("first"));
    let refused = place.refused("hf://other");
    assert!(refused.contains("could not be fetched"), "{refused}");
}

#[test]
fn the_commit_stands_in_every_row_of_a_study() {
    let hub = Hub::default();
    let commit = hub.commit("owner/tiny", "v1", &fixture("bert"), &FILES);
    let place = Place::at(&hub);
    let rows = study(&place, "hf://owner/tiny@v1");
    assert!(!rows.is_empty() && rows.iter().all(|row| row["model_revision"] == commit.as_str()));
    assert_eq!(column(&place, "model_revision"), BTreeSet::from([commit.clone()]));
    let manifest = fs::read(place.here().join("out/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let model = &manifest["subjects"][0]["model"];
    assert_eq!(
        (&model["source"], &model["facts"]["revision"]),
        (&"hf://owner/tiny@v1".into(), &commit.into())
    );
    let local = study(&place, fixture("bert").to_str().unwrap());
    assert!(local.iter().all(|row| row["model_revision"] == ""));
    let values = |rows: &[Value]| rows.iter().map(|row| row["value"].to_string()).collect::<Vec<_>>();
    assert_eq!(values(&rows), values(&local));
}

#[test]
fn a_study_measures_the_commit_that_it_was_planned_with_even_when_the_branch_moves() {
    let hub = Hub::default();
    let later = hub.commit("tiny", "main", &fixture("roberta"), &FILES);
    let planned = hub.commit("tiny", "main", &fixture("bert"), &FILES);
    hub.move_when_asked("tiny", "main", &later);
    let place = Place::at(&hub);
    study(&place, "hf://tiny");
    assert_eq!(column(&place, "model_revision"), BTreeSet::from([planned.clone()]));
    let asked: Vec<String> = hub.asked().into_iter().map(|seen| seen.path).collect();
    let of =
        |revision: &str| asked.iter().filter(|path| path.ends_with(&format!("/revision/{revision}"))).count();
    assert!(of("main") == 1 && of(&planned) > 0 && of(&later) == 0, "{asked:?}");
}

#[test]
fn two_programs_that_want_the_same_encoder_do_not_disturb_each_other() {
    let hub = Hub::default();
    hub.commit("tiny", "main", &fixture("bert"), &FILES);
    let place = Place::at(&hub);
    let start =
        |out: &str| place.command(&["encode", "hf://tiny", "--data", "t.txt", "--out", out]).spawn().unwrap();
    for mut child in [start("a"), start("b"), start("c")] {
        assert!(child.wait().unwrap().success());
    }
    assert_eq!(place.vectors("a"), place.vectors("b"));
    assert_eq!(place.vectors("a"), place.vectors("c"));
    assert_eq!(place.kept("hf/hub/models--tiny/blobs").len(), FILES.len(), "nothing is left of downloads");
}

#[test]
fn modules_of_a_sentence_encoder_are_fetched_with_their_configurations() {
    let hub = Hub::default();
    let plain = files("bert");
    let mut inner: BTreeMap<String, Vec<u8>> =
        FILES.iter().map(|name| (format!("0_Transformer/{name}"), plain[*name].clone())).collect();
    let pooling = r#"{"word_embedding_dimension": 32, "pooling_mode_mean_tokens": true}"#;
    inner.insert("1_Pooling/config.json".to_owned(), pooling.as_bytes().to_vec());
    let modules = r#"[
        {"idx": 0, "name": "0", "path": "0_Transformer", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"}
    ]"#;
    inner.insert("modules.json".to_owned(), modules.as_bytes().to_vec());
    let commit = hub.commit_files("sbert/tiny", "main", inner.clone());
    let place = Place::at(&hub);
    place.encode("hf://sbert/tiny", "remote");
    place.encode(fixture("bert").to_str().unwrap(), "local");
    assert_eq!(place.vectors("remote"), place.vectors("local"));
    let snapshot = place.kept(&format!("hf/hub/models--sbert--tiny/snapshots/{commit}"));
    assert_eq!(snapshot, inner.into_keys().collect::<Vec<_>>());
}
