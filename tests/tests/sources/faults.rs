//! A hub that refuses, errs, breaks off or lies, and what is wrong in what it holds.

use super::place::{FILES, Place, fixture};
use isoscope_tests::hub::{Fault, Hub};
use std::collections::BTreeMap;
use std::fs;

const CACHE: &str = "hf/hub/models--owner--tiny";

/// A hub with one encoder, and a place that looks there.
fn hub_and_place() -> (Hub, Place) {
    let hub = Hub::default();
    hub.commit("owner/tiny", "main", &fixture("bert"), &FILES);
    let place = Place::at(&hub);
    (hub, place)
}

/// Nothing that was found wrong has a name in the cache, and nothing half-written lies there.
fn assert_nothing_is_left(place: &Place) {
    assert_eq!(place.kept(&format!("{CACHE}/snapshots")), [""; 0]);
    assert_eq!(place.kept(&format!("{CACHE}/refs")), [""; 0]);
    let blobs = place.kept(&format!("{CACHE}/blobs"));
    assert!(blobs.iter().all(|name| !name.contains("incomplete")), "{blobs:?}");
    let weights = fs::metadata(fixture("bert").join("model.safetensors")).unwrap().len();
    for blob in blobs {
        let length = fs::metadata(place.here().join(CACHE).join("blobs").join(&blob)).unwrap().len();
        assert_ne!(length, weights, "the weights were not whole, or not those that were promised");
    }
}

#[test]
fn weights_that_are_not_those_of_their_checksum_are_refused_and_nothing_is_kept() {
    let (hub, place) = hub_and_place();
    let promised = "0".repeat(64);
    hub.lie("model.safetensors", &promised);
    let refused = place.refused("hf://owner/tiny");
    for phrase in ["model.safetensors of hf://owner/tiny@main arrived damaged", "SHA-256", &promised] {
        assert!(refused.contains(phrase), "`{phrase}` is not in: {refused}");
    }
    assert_nothing_is_left(&place);
}

#[test]
fn a_small_file_is_held_against_the_checksum_of_git() {
    let (hub, place) = hub_and_place();
    hub.lie("config.json", &"a".repeat(40));
    let refused = place.refused("hf://owner/tiny");
    assert!(refused.contains("config.json of hf://owner/tiny@main arrived damaged"), "{refused}");
    assert_nothing_is_left(&place);
}

#[test]
fn a_name_of_bytes_that_leads_out_of_the_cache_is_refused() {
    let (hub, place) = hub_and_place();
    hub.lie("config.json", "../../../elsewhere");
    let refused = place.refused("hf://owner/tiny");
    assert!(refused.contains("without an ETag that can name a file"), "{refused}");
    assert_nothing_is_left(&place);
}

#[test]
fn a_connection_that_is_cut_once_is_made_again() {
    let (hub, place) = hub_and_place();
    hub.trouble("model.safetensors/bytes", Fault::Cut, 1);
    place.encode("hf://owner/tiny", "remote");
    assert_eq!(hub.faults(), 1, "the cut was made");
    place.encode(fixture("bert").to_str().unwrap(), "local");
    assert_eq!(place.vectors("remote"), place.vectors("local"));
    assert_eq!(hub.asked_of_storage().len(), 2);
}

#[test]
fn a_connection_that_is_cut_each_time_leaves_nothing_behind() {
    let (hub, place) = hub_and_place();
    hub.trouble("model.safetensors/bytes", Fault::Cut, usize::MAX);
    let refused = place.refused("hf://owner/tiny");
    assert!(refused.contains("model.safetensors could not be fetched"), "{refused}");
    assert!(!refused.contains("signature=secret"), "the address of the storage is signed: {refused}");
    assert_eq!(hub.faults(), 5, "one attempt and four more");
    assert_nothing_is_left(&place);
}

#[test]
fn an_endpoint_that_errs_for_a_moment_is_asked_again_and_one_that_refuses_is_not() {
    let (hub, place) = hub_and_place();
    hub.trouble("/revision/main", Fault::Status(503), 2);
    hub.trouble("/config.json", Fault::Status(500), 1);
    place.encode("hf://owner/tiny", "out");
    assert_eq!(hub.faults(), 3);
    for status in [400, 404, 429] {
        let (hub, place) = hub_and_place();
        hub.trouble("/revision/main", Fault::Status(status), usize::MAX);
        place.refused("hf://owner/tiny");
        assert_eq!(hub.faults(), 1, "status {status}");
    }
}

#[test]
fn a_repository_or_revision_that_is_not_there_is_named() {
    let (_hub, place) = hub_and_place();
    let refused = place.refused("hf://owner/none");
    assert!(refused.contains("hf://owner/none@main is not there: 404"), "{refused}");
    assert!(refused.contains("Repository not found"), "{refused}");
    let refused = place.refused("hf://owner/tiny@v9");
    assert!(
        refused.contains("hf://owner/tiny@v9 is not there") && refused.contains("Invalid rev id"),
        "{refused}"
    );
}

#[test]
fn a_study_names_the_field_of_a_source_that_cannot_be_had() {
    let (_hub, place) = hub_and_place();
    let study = r#"
        name = "tiny"
        [[model]]
        name = "a"
        source = "hf://owner/tiny"
        [[model]]
        name = "b"
        source = "hf://owner/none"
        [[dataset]]
        name = "d"
        source = "t.txt"
        [[metric]]
        id = "spectrum.isoscore"
    "#;
    fs::write(place.here().join("study.toml"), study).unwrap();
    let output = place.output(&["run", "study.toml", "--out", "out"]);
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.contains("model[1].source") && message.contains("hf://owner/none@main"), "{message}");
}

#[test]
fn a_token_opens_what_is_closed_and_only_the_endpoint_sees_it() {
    let (hub, place) = hub_and_place();
    hub.demand("hf_secret");
    let refused = place.refused("hf://owner/tiny");
    for phrase in ["access to hf://owner/tiny@main is refused: 401", "set HF_TOKEN"] {
        assert!(refused.contains(phrase), "`{phrase}` is not in: {refused}");
    }
    let place = place.with("HF_TOKEN", "hf_wrong");
    assert!(place.refused("hf://owner/tiny").contains("the token may lack access"));
    let place = place.with("HF_TOKEN", "hf_secret");
    let output =
        place.output(&["--log", "trace", "encode", "hf://owner/tiny", "--data", "t.txt", "--out", "out"]);
    let logged = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && logged.contains("fetched"), "{logged}");
    assert!(!logged.contains("hf_secret"), "the token was logged");
    let shown = |asked: Vec<isoscope_tests::web::Seen>| -> Vec<Option<String>> {
        asked.into_iter().map(|seen| seen.authorization).collect()
    };
    assert!(shown(hub.asked()).contains(&Some("Bearer hf_secret".to_owned())));
    let elsewhere = shown(hub.asked_of_storage());
    assert!(!elsewhere.is_empty() && elsewhere.iter().all(Option::is_none), "{elsewhere:?}");
}

#[test]
fn a_token_that_a_login_left_behind_is_shown() {
    let (hub, place) = hub_and_place();
    hub.demand("hf_kept");
    fs::create_dir_all(place.here().join("hf")).unwrap();
    fs::write(place.here().join("hf/token"), "hf_kept\n").unwrap();
    place.encode("hf://owner/tiny", "out");
}

#[test]
fn a_repository_without_an_encoder_that_can_be_read_says_why() {
    let (hub, place) = hub_and_place();
    let named = |names: &[&str]| -> BTreeMap<String, Vec<u8>> {
        names.iter().map(|name| ((*name).to_owned(), b"{}".to_vec())).collect()
    };
    hub.commit_files("owner/pickled", "main", named(&["config.json", "pytorch_model.bin", "tokenizer.json"]));
    let refused = place.refused("hf://owner/pickled");
    for phrase in ["hf://owner/pickled@main has its weights only as pytorch_model.bin", "safetensors"] {
        assert!(refused.contains(phrase), "`{phrase}` is not in: {refused}");
    }
    hub.commit_files("owner/text", "main", named(&["README.md"]));
    assert!(place.refused("hf://owner/text").contains("holds no encoder"));
}

#[test]
fn an_address_that_is_none_is_refused_with_what_is_wrong_in_it() {
    let place = Place::new();
    assert!(place.refused("hf://a/b/c").contains("`a/b/c` has 3 parts"));
    assert!(place.refused("ftp://a/b").contains("unknown scheme `ftp`"));
    assert!(place.with("HF_ENDPOINT", "nonsense").refused("hf://a/b").contains("HF_ENDPOINT is `nonsense`"));
}
