//! A repository of a hub: its commit and files asked of the endpoint, its bytes kept in the cache.

use super::Resolved;
use super::checksum::Kind;
use super::client::{HubClient, broken, odd, persist};
use super::download::Download;
use super::environment::HubSettings;
use super::error::SourceError;
use super::hub_cache::{RepoCache, is_commit};
use super::wanted::{self, Origin, Parts, is_inside};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// What an endpoint says of a revision.
#[derive(Deserialize)]
struct Revision {
    sha: String,
    #[serde(default)]
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
}

/// A commit of a repository.
struct Commit<'a> {
    client: HubClient,
    cache: &'a RepoCache,
    repo: &'a str,
    /// As it was asked for, for messages.
    address: String,
    sha: String,
    names: BTreeSet<String>,
}

/// Finds a revision of a repository, fetching what the cache does not hold.
///
/// The endpoint is asked for the commit and its files each time, unless there is said to be no network: a directory that another
/// program made may lack a file that this one reads, and only the endpoint knows.
pub(super) async fn resolve(
    settings: &HubSettings,
    repo: &str,
    revision: &str,
    parts: Parts,
) -> Result<Resolved, SourceError> {
    let address = format!("hf://{repo}@{revision}");
    let cache = RepoCache::new(&settings.cache, repo);
    if settings.offline {
        let kept = kept(&cache, revision, parts)?;
        return kept.ok_or_else(|| SourceError::NotCached {
            address,
            cache: settings.cache.display().to_string(),
            why: "HF_HUB_OFFLINE forbids to fetch it".to_owned(),
        });
    }
    let client = HubClient::new(settings)?;
    let found = match ask(&client, repo, revision, &address).await {
        Ok(found) => found,
        Err(error) if error.is_passing() => {
            let Some(kept) = kept(&cache, revision, parts)? else { return Err(error) };
            tracing::warn!(%error, address, revision = kept.revision, "the hub does not answer; the cache is used as it is");
            return Ok(kept);
        }
        Err(error) => return Err(error),
    };
    let names = found.siblings.into_iter().map(|sibling| sibling.rfilename).filter(|name| is_inside(name));
    let commit = Commit { client, cache: &cache, repo, address, sha: found.sha, names: names.collect() };
    // Bytes first, names afterwards: a snapshot never holds a part of what was found damaged.
    for (name, blob) in wanted::fetch(&commit, parts).await? {
        if blob.starts_with(cache.blobs()) {
            cache.link(&commit.sha, &name, &blob)?;
        }
    }
    cache.note(revision, &commit.sha)?;
    Ok(Resolved { dir: cache.snapshot(&commit.sha), revision: commit.sha })
}

/// What the cache holds of a revision; none when it is not whole.
fn kept(cache: &RepoCache, revision: &str, parts: Parts) -> Result<Option<Resolved>, SourceError> {
    let Some(commit) = cache.commit(revision)? else { return Ok(None) };
    let dir = cache.snapshot(&commit);
    Ok(wanted::is_whole(&dir, parts).then_some(Resolved { dir, revision: commit }))
}

async fn ask(client: &HubClient, repo: &str, revision: &str, address: &str) -> Result<Revision, SourceError> {
    let segments = ["api", "models"].into_iter().chain(repo.split('/')).chain(["revision", revision]);
    let url = client.url(segments);
    let body = client.read(&url, address).await?;
    let found: Revision = serde_json::from_slice(&body)
        .map_err(|e| odd(&url, format!("what is no description of a revision: {e}")))?;
    // The commit becomes the name of a directory.
    if is_commit(&found.sha) {
        Ok(found)
    } else {
        Err(odd(&url, format!("with the commit `{}`, which is none", found.sha)))
    }
}

impl Origin for Commit<'_> {
    fn address(&self) -> String {
        self.address.clone()
    }

    fn names(&self) -> &BTreeSet<String> {
        &self.names
    }

    async fn fetch(&self, name: &str) -> Result<PathBuf, SourceError> {
        let there = self.cache.snapshot(&self.sha).join(name);
        if there.is_file() {
            return Ok(there);
        }
        persist(|| self.attempt(name)).await
    }
}

impl Commit<'_> {
    /// Fetches a file once. Bytes that the cache holds already, of another commit, are not read again.
    async fn attempt(&self, name: &str) -> Result<PathBuf, SourceError> {
        let segments = self.repo.split('/').chain(["resolve", &self.sha]).chain(name.split('/'));
        let url = self.client.url(segments);
        let file = format!("{} of {}", name, self.address);
        let mut answer = self.client.get(&url, &file).await?;
        let etag = answer.etag.take().filter(|etag| is_file_name(etag));
        let etag = etag.ok_or_else(|| odd(&url, "without an ETag that can name a file"))?;
        let blob = self.cache.blob(&etag);
        if blob.is_file() {
            return Ok(blob);
        }
        let _lock = self.cache.lock(&etag)?;
        if blob.is_file() {
            return Ok(blob);
        }
        tracing::info!(file, bytes = answer.response.content_length(), "fetching");
        let mut download = Download::begin(&self.cache.blobs(), &file)?;
        while let Some(bytes) = answer.response.chunk().await.map_err(|e| broken(&url, e))? {
            download.write(&bytes)?;
        }
        self.check(name, &etag, &download)?;
        download.finish(&blob)?;
        Ok(blob)
    }

    /// Holds the bytes against the checksum that names them.
    fn check(&self, name: &str, etag: &str, download: &Download) -> Result<(), SourceError> {
        let Some(kind) = Kind::of(etag) else {
            tracing::warn!(file = name, etag, "the hub names no checksum that could be verified");
            return Ok(());
        };
        let found = download.checksum(kind)?;
        if found == etag {
            return Ok(());
        }
        Err(SourceError::Damaged {
            address: self.address.clone(),
            file: name.to_owned(),
            kind: kind.label(),
            expected: etag.to_owned(),
            found,
        })
    }
}

/// Tells whether a name is that of a file, and leads nowhere else.
fn is_file_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with('.')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
}
