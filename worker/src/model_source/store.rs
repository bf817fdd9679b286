//! Objects of a store that speaks S3, kept by the digest of what the store lists.

use super::Resolved;
use super::download::{Download, Folder, parent};
use super::error::SourceError;
use super::wanted::{self, Origin, Parts, is_inside};
use futures::TryStreamExt as _;
use isoscope_core::digest::sha256;
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path as Key;
use object_store::{ClientConfigKey, GetOptions, ObjectMeta, ObjectStore, RetryConfig};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Attempts after the first, and the time after which none is begun.
const RETRIES: (usize, Duration) = (4, Duration::from_mins(10));

/// What lies under a prefix and can be a part of an encoder.
struct Listing {
    store: AmazonS3,
    address: String,
    objects: BTreeMap<String, Object>,
    names: BTreeSet<String>,
    folder: Folder,
}

/// An object as it was listed.
struct Object {
    meta: ObjectMeta,
    etag: String,
}

/// Finds the encoder under a prefix. What was planned with is taken from the cache without asking anybody.
pub(super) async fn resolve(
    cache: &Path,
    bucket: &str,
    prefix: &str,
    planned: Option<&str>,
    parts: Parts,
) -> Result<Resolved, SourceError> {
    let address =
        if prefix.is_empty() { format!("s3://{bucket}") } else { format!("s3://{bucket}/{prefix}") };
    let place = cache.join("s3").join(digits(&sha256(address.as_bytes())));
    if let Some(planned) = planned {
        let dir = directory(&place, planned, parts);
        if dir.is_dir() {
            return Ok(Resolved { dir, revision: planned.to_owned() });
        }
    }
    let store = open(bucket, &address)?;
    let objects = list(&store, prefix, &address).await?;
    let revision = digest(&objects);
    if let Some(planned) = planned.filter(|planned| *planned != revision) {
        return Err(SourceError::Changed { address, planned: planned.to_owned(), found: revision });
    }
    let dir = directory(&place, &revision, parts);
    if dir.is_dir() {
        return Ok(Resolved { dir, revision });
    }
    let names = objects.keys().cloned().collect();
    let listing = Listing { store, address, objects, names, folder: Folder::begin(&place)? };
    wanted::fetch(&listing, parts).await?;
    listing.folder.finish(&dir)?;
    Ok(Resolved { dir, revision })
}

/// The directory of a revision; what lacks the weights lies apart.
fn directory(place: &Path, revision: &str, parts: Parts) -> PathBuf {
    match parts {
        Parts::Encoder => place.join(digits(revision)),
        Parts::Configuration => place.join(format!("{}-configuration", digits(revision))),
    }
}

fn digits(digest: &str) -> &str {
    digest.strip_prefix("sha256:").unwrap_or(digest)
}

fn open(bucket: &str, address: &str) -> Result<AmazonS3, SourceError> {
    let retry = RetryConfig { max_retries: RETRIES.0, retry_timeout: RETRIES.1, ..RetryConfig::default() };
    let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket).with_retry(retry);
    // The client's own limit is on a whole file, and half a minute: weights take longer than that.
    let limits = [
        ("AWS_TIMEOUT", ClientConfigKey::Timeout, "24h"),
        ("AWS_READ_TIMEOUT", ClientConfigKey::ReadTimeout, "60s"),
    ];
    for (variable, key, limit) in limits {
        if std::env::var_os(variable).is_none() {
            builder = builder.with_config(AmazonS3ConfigKey::Client(key), limit);
        }
    }
    builder.build().map_err(|e| SourceError::Client { address: address.to_owned(), reason: e.to_string() })
}

/// Lists what can be a part of an encoder, by its name below the prefix. Logs and states of a training that is still running beside
/// it change nothing.
async fn list(
    store: &AmazonS3,
    prefix: &str,
    address: &str,
) -> Result<BTreeMap<String, Object>, SourceError> {
    let wrong = |e: &dyn std::fmt::Display| SourceError::Client {
        address: address.to_owned(),
        reason: e.to_string(),
    };
    let prefix = Key::parse(prefix).map_err(|e| wrong(&e))?;
    let all: Vec<ObjectMeta> =
        store.list(Some(&prefix)).try_collect().await.map_err(|e| failed(address, address, e))?;
    let mut objects = BTreeMap::new();
    for meta in all {
        let parts = meta.location.prefix_match(&prefix).map(Iterator::collect::<Vec<_>>);
        let name = parts.unwrap_or_default().iter().map(AsRef::as_ref).collect::<Vec<&str>>().join("/");
        let part = [".json", ".safetensors", ".bin"].iter().any(|ending| name.ends_with(ending));
        if part && is_inside(&name) {
            let etag = meta.e_tag.clone().ok_or_else(|| SourceError::Answer {
                url: format!("{address}/{name}"),
                answer: "without an ETag".to_owned(),
                passing: false,
            })?;
            objects.insert(name, Object { meta, etag });
        }
    }
    if objects.is_empty() {
        let answer = "no object under this prefix is a part of an encoder".to_owned();
        return Err(SourceError::Missing { address: address.to_owned(), answer });
    }
    Ok(objects)
}

/// `sha256:` of names, sizes and tags, in order of names.
fn digest(objects: &BTreeMap<String, Object>) -> String {
    let line =
        |(name, object): (&String, &Object)| format!("{name}\t{}\t{}\n", object.meta.size, object.etag);
    sha256(objects.iter().map(line).collect::<String>().as_bytes())
}

impl Origin for Listing {
    fn address(&self) -> String {
        self.address.clone()
    }

    fn names(&self) -> &BTreeSet<String> {
        &self.names
    }

    async fn fetch(&self, name: &str) -> Result<PathBuf, SourceError> {
        let url = format!("{}/{name}", self.address);
        let Some(object) = self.objects.get(name) else {
            return Err(SourceError::Missing { address: url, answer: "it was not listed".to_owned() });
        };
        let path = self.folder.path().join(name);
        let mut download = Download::begin(&parent(&path), &url)?;
        tracing::info!(file = url, bytes = object.meta.size, "fetching");
        // The bytes that were listed or none: what changes meanwhile must not be mixed.
        let options = GetOptions { if_match: Some(object.etag.clone()), ..GetOptions::default() };
        let got = self.store.get_opts(&object.meta.location, options).await;
        let mut bytes = got.map_err(|e| failed(&self.address, &url, e))?.into_stream();
        while let Some(part) = bytes.try_next().await.map_err(|e| failed(&self.address, &url, e))? {
            download.write(&part)?;
        }
        if download.written() != object.meta.size {
            return Err(SourceError::Damaged {
                address: self.address.clone(),
                file: name.to_owned(),
                kind: "length",
                expected: object.meta.size.to_string(),
                found: download.written().to_string(),
            });
        }
        download.finish(&path)?;
        Ok(path)
    }
}

fn failed(address: &str, url: &str, error: object_store::Error) -> SourceError {
    use object_store::Error as Store;
    let (address, answer) = (address.to_owned(), error.to_string());
    match error {
        Store::NotFound { .. } => SourceError::Missing { address: url.to_owned(), answer },
        Store::PermissionDenied { .. } | Store::Unauthenticated { .. } => SourceError::Refused {
            address,
            answer,
            advice: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_SKIP_SIGNATURE=true for a public bucket",
        },
        Store::Precondition { .. } => SourceError::Answer {
            url: url.to_owned(),
            answer: "that the object has changed since it was listed".to_owned(),
            passing: true,
        },
        _ => SourceError::Unreachable { url: url.to_owned(), reason: answer },
    }
}
