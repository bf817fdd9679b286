//! A bucket on this machine: the two calls of S3 that reading takes, listing and getting.

use crate::hub::sha256;
use crate::web::{Seen, Server};
use axum::body::Body;
use axum::http::{Response, StatusCode, header};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

/// A moment, as a listing and a header write it.
const LISTED: &str = "2024-01-01T00:00:00.000Z";
const SENT: &str = "Mon, 01 Jan 2024 00:00:00 GMT";

/// A store with one bucket.
pub struct Bucket {
    objects: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    server: Server,
}

impl Bucket {
    /// Starts a store with an empty bucket of this name.
    ///
    /// # Panics
    /// When no port can be had.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let objects = Arc::<Mutex<BTreeMap<String, Vec<u8>>>>::default();
        let (held, root) = (Arc::clone(&objects), format!("/{name}"));
        let server = Server::start(move |seen| {
            answer(&held.lock().unwrap_or_else(PoisonError::into_inner), &root, seen)
        });
        Self { objects, server }
    }

    /// Address of the store.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Puts an object into the bucket.
    pub fn put(&self, key: &str, bytes: Vec<u8>) {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner).insert(key.to_owned(), bytes);
    }

    /// How often it was asked for objects so far.
    #[must_use]
    pub fn objects_asked(&self) -> usize {
        self.server.seen().iter().filter(|seen| !seen.query.contains("list-type=2")).count()
    }
}

fn answer(objects: &BTreeMap<String, Vec<u8>>, root: &str, seen: &Seen) -> Response<Body> {
    let Some(key) = seen.path.strip_prefix(root) else {
        return status(StatusCode::NOT_FOUND, "<Error><Code>NoSuchBucket</Code></Error>");
    };
    if seen.query.contains("list-type=2") {
        let prefix = seen.query.split('&').find_map(|pair| pair.strip_prefix("prefix="));
        return Response::new(Body::from(listing(objects, &prefix.unwrap_or_default().replace("%2F", "/"))));
    }
    match objects.get(key.trim_start_matches('/')) {
        Some(bytes) => Response::builder()
            .header(header::ETAG, etag(bytes))
            .header(header::LAST_MODIFIED, SENT)
            .body(Body::from(bytes.clone()))
            .expect("the headers are plain"),
        None => status(StatusCode::NOT_FOUND, "<Error><Code>NoSuchKey</Code></Error>"),
    }
}

fn listing(objects: &BTreeMap<String, Vec<u8>>, prefix: &str) -> String {
    let mut text = "<ListBucketResult>".to_owned();
    for (key, bytes) in objects.iter().filter(|(key, _)| key.starts_with(prefix)) {
        let (size, etag) = (bytes.len(), etag(bytes).replace('"', "&quot;"));
        let _ = write!(
            text,
            "<Contents><Key>{key}</Key><LastModified>{LISTED}</LastModified><ETag>{etag}</ETag><Size>{size}</Size></Contents>"
        );
    }
    text + "<IsTruncated>false</IsTruncated></ListBucketResult>"
}

fn etag(bytes: &[u8]) -> String {
    format!("\"{}\"", &sha256(bytes)[..32])
}

fn status(status: StatusCode, text: &'static str) -> Response<Body> {
    Response::builder().status(status).body(Body::from(text)).expect("the headers are plain")
}
