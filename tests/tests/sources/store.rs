//! Encoders from a store that speaks S3.

use super::place::{FILES, Place, fixture};
use isoscope_tests::bucket::Bucket;
use std::fs;

/// A bucket with one encoder among other objects, and a place that looks there.
fn bucket_and_place() -> (Bucket, Place) {
    let bucket = Bucket::new("models");
    for name in FILES {
        bucket.put(&format!("team/tiny/{name}"), fs::read(fixture("bert").join(name)).unwrap());
    }
    bucket.put("team/tiny/train.log", b"epoch 1".to_vec());
    bucket.put("team/tiny-two/config.json", b"{}".to_vec());
    let place = Place::new()
        .with("AWS_ENDPOINT_URL", &bucket.url())
        .with("AWS_ALLOW_HTTP", "true")
        .with("AWS_REGION", "eu-central-1")
        .with("AWS_ACCESS_KEY_ID", "key")
        .with("AWS_SECRET_ACCESS_KEY", "secret");
    (bucket, place)
}

#[test]
fn an_encoder_of_a_store_gives_the_bytes_that_its_directory_gives() {
    let (bucket, place) = bucket_and_place();
    place.encode("s3://models/team/tiny", "remote");
    place.encode(fixture("bert").to_str().unwrap(), "local");
    assert_eq!(place.vectors("remote"), place.vectors("local"));
    assert_eq!(bucket.objects_asked(), FILES.len(), "the log was left where it is");
    let revision = place.revision("remote");
    assert!(revision.starts_with("sha256:") && revision.len() == 71, "{revision}");
    place.encode("s3://models/team/tiny/", "again");
    assert_eq!((bucket.objects_asked(), place.revision("again")), (FILES.len(), revision));
}

#[test]
fn a_changed_object_is_another_revision_and_a_changed_log_is_not() {
    let (bucket, place) = bucket_and_place();
    place.encode("s3://models/team/tiny", "first");
    bucket.put("team/tiny/train.log", b"epoch 2".to_vec());
    place.encode("s3://models/team/tiny", "second");
    assert_eq!(place.revision("second"), place.revision("first"));
    let config = fs::read_to_string(fixture("bert").join("config.json")).unwrap();
    bucket.put("team/tiny/config.json", format!("{config}\n").into_bytes());
    place.encode("s3://models/team/tiny", "third");
    assert_ne!(place.revision("third"), place.revision("first"));
    let kept = place.kept("cache/isoscope/models/s3");
    assert_eq!(kept.len(), 2 * FILES.len(), "{kept:?}");
}

#[test]
fn a_prefix_under_which_there_is_no_encoder_is_named_and_nothing_is_kept() {
    let (_bucket, place) = bucket_and_place();
    let refused = place.refused("s3://models/team/none");
    assert!(refused.contains("s3://models/team/none is not there"), "{refused}");
    let refused = place.refused("s3://models/team/tiny-two");
    assert!(refused.contains("s3://models/team/tiny-two holds no encoder"), "{refused}");
    assert_eq!(place.kept("cache/isoscope/models"), [""; 0]);
}
