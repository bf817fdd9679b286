//! A model hub on this machine: repositories laid out and answered for as a public hub does, with a second host for large files, and
//! with faults to order.

use crate::web::{Seen, Server};
use axum::body::{Body, Bytes};
use axum::http::{Response, StatusCode, header};
use sha1::{Digest as _, Sha1};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Files of at least so many bytes lie on the second host.
const LARGE: usize = 10_000;

/// What goes wrong with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is answered with this status.
    Status(u16),
    /// The connection breaks after half of the file.
    Cut,
}

/// A fault in waiting.
#[derive(Debug)]
struct Trouble {
    /// What the path of the request ends with.
    ending: String,
    fault: Fault,
    /// How often it still happens.
    left: usize,
    /// How often it has happened.
    happened: usize,
}

#[derive(Debug, Default)]
struct Repo {
    /// Commit by branch or tag.
    revisions: BTreeMap<String, String>,
    /// Files by commit and name.
    commits: BTreeMap<String, BTreeMap<String, Vec<u8>>>,
}

#[derive(Debug, Default)]
struct State {
    repos: BTreeMap<String, Repo>,
    /// Names of bytes that are not their checksums.
    lies: BTreeMap<String, String>,
    troubles: Vec<Trouble>,
    /// The token without which nothing is told.
    token: Option<String>,
    /// Branch of a repository, and the commit that it moves to once it has been asked for.
    moves: Vec<(String, String, String)>,
}

/// The two hosts of a hub.
pub struct Hub {
    state: Arc<Mutex<State>>,
    endpoint: Server,
    storage: Server,
}

impl Default for Hub {
    /// Starts a hub without repositories.
    ///
    /// # Panics
    /// When no port can be had.
    fn default() -> Self {
        let state = Arc::<Mutex<State>>::default();
        let of_storage = Arc::clone(&state);
        let storage = Server::start(move |seen| stored(&mut hold(&of_storage), seen));
        let (of_endpoint, large) = (Arc::clone(&state), storage.url());
        let endpoint = Server::start(move |seen| answer(&mut hold(&of_endpoint), &large, seen));
        Self { state, endpoint, storage }
    }
}

impl Hub {
    /// Address of the endpoint.
    #[must_use]
    pub fn url(&self) -> String {
        self.endpoint.url()
    }

    /// Adds a commit of the files of a directory, some of them by name, and lets a branch be it. Returns the commit.
    ///
    /// # Panics
    /// When a file cannot be read.
    #[allow(clippy::must_use_candidate, reason = "most tests ask for the branch")]
    pub fn commit(&self, repo: &str, branch: &str, from: &Path, names: &[&str]) -> String {
        let read = |name: &&str| ((*name).to_owned(), fs::read(from.join(name)).expect("the file is there"));
        self.commit_files(repo, branch, names.iter().map(read).collect())
    }

    /// Adds a commit of files, and lets a branch be it. Returns the commit.
    #[allow(clippy::must_use_candidate, reason = "most tests ask for the branch")]
    pub fn commit_files(&self, repo: &str, branch: &str, files: BTreeMap<String, Vec<u8>>) -> String {
        let mut hash = Sha1::new();
        for (name, bytes) in &files {
            hash.update(format!("{name} {}\n", git_checksum(bytes)));
        }
        let commit = hex::encode(hash.finalize());
        let mut state = hold(&self.state);
        let repo = state.repos.entry(repo.to_owned()).or_default();
        repo.revisions.insert(branch.to_owned(), commit.clone());
        repo.commits.insert(commit.clone(), files);
        commit
    }

    /// Moves a branch to a commit as soon as it has been asked for once.
    pub fn move_when_asked(&self, repo: &str, branch: &str, commit: &str) {
        let moving = (repo.to_owned(), branch.to_owned(), commit.to_owned());
        hold(&self.state).moves.push(moving);
    }

    /// Lets requests whose path ends so fail so often. Paths on the host of large files end with `NAME/bytes`.
    pub fn trouble(&self, ending: &str, fault: Fault, times: usize) {
        let trouble = Trouble { ending: ending.to_owned(), fault, left: times, happened: 0 };
        hold(&self.state).troubles.push(trouble);
    }

    /// How often faults have happened so far.
    #[must_use]
    pub fn faults(&self) -> usize {
        hold(&self.state).troubles.iter().map(|trouble| trouble.happened).sum()
    }

    /// Gives the bytes of a file a name that is not their checksum.
    pub fn lie(&self, name: &str, etag: &str) {
        hold(&self.state).lies.insert(name.to_owned(), etag.to_owned());
    }

    /// Tells nothing any more without this token.
    pub fn demand(&self, token: &str) {
        hold(&self.state).token = Some(token.to_owned());
    }

    /// What the endpoint was asked for so far.
    #[must_use]
    pub fn asked(&self) -> Vec<Seen> {
        self.endpoint.seen()
    }

    /// What the host of large files was asked for so far.
    #[must_use]
    pub fn asked_of_storage(&self) -> Vec<Seen> {
        self.storage.seen()
    }

    /// How often files were asked for so far, of either host.
    #[must_use]
    pub fn files_asked(&self) -> usize {
        let files = self.asked().iter().filter(|seen| seen.path.contains("/resolve/")).count();
        files + self.asked_of_storage().len()
    }
}

/// The checksum by which git calls bytes.
#[must_use]
pub fn git_checksum(bytes: &[u8]) -> String {
    let mut hash = Sha1::new();
    hash.update(format!("blob {}\0", bytes.len()));
    hash.update(bytes);
    hex::encode(hash.finalize())
}

/// SHA-256 of bytes.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn hold(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Answers for the endpoint.
fn answer(state: &mut State, storage: &str, seen: &Seen) -> Response<Body> {
    let fault = state.fault(&seen.path);
    if let Some(Fault::Status(status)) = fault {
        return status_only(StatusCode::from_u16(status).expect("a test orders a status"), "ordered");
    }
    let shown = seen.authorization.as_deref().and_then(|value| value.strip_prefix("Bearer "));
    if state.token.is_some() && state.token.as_deref() != shown {
        return status_only(StatusCode::UNAUTHORIZED, "Invalid username or password.");
    }
    let path = seen.path.trim_start_matches('/');
    if let Some((repo, revision)) =
        path.strip_prefix("api/models/").and_then(|rest| rest.split_once("/revision/"))
    {
        return state.describe(repo, revision);
    }
    let file = path.split_once("/resolve/").and_then(|(repo, rest)| Some((repo, rest.split_once('/')?)));
    let Some((repo, (commit, name))) = file else {
        return status_only(StatusCode::NOT_FOUND, "no such page");
    };
    let bytes = state.repos.get(repo).and_then(|repo| repo.commits.get(commit)?.get(name)).cloned();
    let Some(bytes) = bytes else { return status_only(StatusCode::NOT_FOUND, "Entry not found") };
    let lie = state.lies.get(name).cloned();
    if bytes.len() < LARGE {
        return whole(bytes.clone(), fault, Some(&lie.unwrap_or_else(|| git_checksum(&bytes))));
    }
    let etag = lie.unwrap_or_else(|| sha256(&bytes));
    Response::builder()
        .status(StatusCode::FOUND)
        .header(header::LOCATION, format!("{storage}/{repo}/{commit}/{name}/bytes?signature=secret"))
        .header("X-Linked-Etag", format!("\"{etag}\""))
        .body(Body::empty())
        .expect("the headers are plain")
}

/// Answers for the host of large files, which knows nothing of names.
fn stored(state: &mut State, seen: &Seen) -> Response<Body> {
    let fault = state.fault(&seen.path);
    let path = seen.path.trim_start_matches('/').trim_end_matches("/bytes");
    let found = state.repos.iter().find_map(|(repo, files)| {
        let (commit, name) = path.strip_prefix(repo.as_str())?.trim_start_matches('/').split_once('/')?;
        files.commits.get(commit)?.get(name).cloned()
    });
    match found {
        Some(bytes) => whole(bytes, fault, None),
        None => status_only(StatusCode::NOT_FOUND, "no such object"),
    }
}

impl State {
    /// The fault that is in waiting for a path.
    fn fault(&mut self, path: &str) -> Option<Fault> {
        let due = |trouble: &&mut Trouble| trouble.left > 0 && path.ends_with(&trouble.ending);
        let trouble = self.troubles.iter_mut().find(due)?;
        trouble.left -= 1;
        trouble.happened += 1;
        Some(trouble.fault)
    }

    fn describe(&mut self, name: &str, revision: &str) -> Response<Body> {
        let Some(repo) = self.repos.get_mut(name) else {
            return status_only(StatusCode::NOT_FOUND, "Repository not found");
        };
        let commit = repo.revisions.get(revision).cloned();
        let commit = commit.or_else(|| repo.commits.contains_key(revision).then(|| revision.to_owned()));
        let Some(commit) = commit else {
            return status_only(StatusCode::NOT_FOUND, "Invalid rev id");
        };
        let siblings: Vec<_> =
            repo.commits[&commit].keys().map(|name| serde_json::json!({"rfilename": name})).collect();
        let text = serde_json::json!({"id": name, "sha": commit, "siblings": siblings}).to_string();
        for (_, branch, next) in
            self.moves.extract_if(.., |(of, branch, _)| *of == name && *branch == revision)
        {
            repo.revisions.insert(branch, next);
        }
        Response::new(Body::from(text))
    }
}

/// A file, or half of it.
fn whole(bytes: Vec<u8>, fault: Option<Fault>, etag: Option<&str>) -> Response<Body> {
    let length = bytes.len();
    let body = if fault == Some(Fault::Cut) {
        let half = Bytes::from(bytes[..length / 2].to_vec());
        let broken = std::io::Error::other("the connection is cut, as ordered");
        Body::from_stream(futures::stream::iter([Ok(half), Err(broken)]))
    } else {
        Body::from(bytes)
    };
    let mut response = Response::builder().header(header::CONTENT_LENGTH, length);
    if let Some(etag) = etag {
        response = response.header(header::ETAG, format!("W/\"{etag}\""));
    }
    response.body(body).expect("the headers are plain")
}

fn status_only(status: StatusCode, message: &str) -> Response<Body> {
    let response = Response::builder().status(status).header("X-Error-Message", message);
    response.body(Body::empty()).expect("the headers are plain")
}
