//! Requests to a hub: patient with faults that pass, and careful with the token, which only the endpoint itself ever sees.

use super::environment::{HubSettings, Token};
use super::error::SourceError;
use backon::{ExponentialBuilder, Retryable as _};
use reqwest::header::{AUTHORIZATION, ETAG, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::{Client, Response, StatusCode, Url, redirect};
use std::time::Duration;

/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// Longest wait for the next bytes of an answer.
const READ: Duration = Duration::from_mins(1);
/// Most redirects of one request.
const HOPS: usize = 8;
/// Attempts after the first.
const RETRIES: usize = 4;
/// Header in which a hub says what is wrong.
const ERROR_MESSAGE: &str = "x-error-message";
/// Header in which a hub names the bytes of a large file, which lie elsewhere.
const LINKED_ETAG: &str = "x-linked-etag";

/// Makes ring the cryptography of every TLS connection of the process, unless something was chosen before.
pub(super) fn choose_cryptography() {
    // The error says that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// A client of one hub.
pub(super) struct HubClient {
    client: Client,
    endpoint: Url,
    bearer: Option<HeaderValue>,
}

/// The answer to a request, its body not yet read.
pub(super) struct Answer {
    /// What came from the last host.
    pub(super) response: Response,
    /// The name of the bytes, as the endpoint itself gave it.
    pub(super) etag: Option<String>,
}

impl HubClient {
    /// Makes a client.
    ///
    /// # Errors
    /// When the token is none that a header can carry, or the system's certificates cannot be read.
    pub(super) fn new(settings: &HubSettings) -> Result<Self, SourceError> {
        let failed = |reason: String| SourceError::Client { address: settings.endpoint.to_string(), reason };
        let client = Client::builder()
            .user_agent(concat!("isoscope/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .read_timeout(READ)
            .redirect(redirect::Policy::none())
            .build()
            .map_err(|e| failed(causes(&e)))?;
        let bearer = settings.token.as_ref().map(bearer).transpose().map_err(failed)?;
        Ok(Self { client, endpoint: settings.endpoint.clone(), bearer })
    }

    /// An address below the endpoint; a slash inside a segment is escaped.
    pub(super) fn url<'a>(&self, segments: impl IntoIterator<Item = &'a str>) -> Url {
        let mut url = self.endpoint.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    /// Whether a token is shown.
    pub(super) fn has_token(&self) -> bool {
        self.bearer.is_some()
    }

    /// Asks once, following redirects. Any status below 400 that is no redirect is an answer.
    pub(super) async fn get(&self, asked: &Url, address: &str) -> Result<Answer, SourceError> {
        let (mut url, mut etag) = (asked.clone(), None);
        for _ in 0..=HOPS {
            let at_home = url.origin() == self.endpoint.origin();
            let mut request = self.client.get(url.clone());
            if let Some(bearer) = self.bearer.as_ref().filter(|_| at_home) {
                request = request.header(AUTHORIZATION, bearer.clone());
            }
            let response = request.send().await.map_err(|e| broken(asked, e))?;
            if at_home {
                etag = named_etag(response.headers()).or(etag);
            }
            if !response.status().is_redirection() {
                return self.accept(asked, address, response).map(|response| Answer { response, etag });
            }
            url = next(asked, &url, response.headers())?;
        }
        Err(odd(asked, format!("more than {HOPS} redirects")))
    }

    /// Reads the whole body of an answer, again and again while the faults are passing ones.
    pub(super) async fn read(&self, url: &Url, address: &str) -> Result<Vec<u8>, SourceError> {
        let attempt = || async {
            let answer = self.get(url, address).await?;
            let body = answer.response.bytes().await.map_err(|e| broken(url, e))?;
            Ok(body.to_vec())
        };
        persist(attempt).await
    }

    fn accept(&self, url: &Url, address: &str, response: Response) -> Result<Response, SourceError> {
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let address = address.to_owned();
        let said = response.headers().get(ERROR_MESSAGE).and_then(|message| message.to_str().ok());
        let answer = said.map_or_else(|| status.to_string(), |message| format!("{status}, {message}"));
        Err(match status {
            StatusCode::NOT_FOUND => SourceError::Missing { address, answer },
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                let advice = if self.has_token() {
                    "it may not exist, or the token may lack access to it"
                } else {
                    "it may not exist, or be private or gated: then set HF_TOKEN to a token that has access"
                };
                SourceError::Refused { address, answer, advice }
            }
            StatusCode::TOO_MANY_REQUESTS => {
                let wait = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
                SourceError::Busy { url: plain(url), wait: wait.unwrap_or("some").to_owned() }
            }
            _ => SourceError::Answer { url: plain(url), answer, passing: status.is_server_error() },
        })
    }
}

/// Does something again while it fails for a reason that may pass: the connection broke, or the endpoint is at fault.
pub(super) async fn persist<T, F>(attempt: impl FnMut() -> F) -> Result<T, SourceError>
where
    F: Future<Output = Result<T, SourceError>>,
{
    let pauses = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(200))
        .with_max_delay(Duration::from_secs(5))
        .with_max_times(RETRIES)
        .with_jitter();
    attempt
        .retry(pauses)
        .when(|e| matches!(e, SourceError::Unreachable { .. } | SourceError::Answer { passing: true, .. }))
        .notify(|error, pause| tracing::info!(%error, ?pause, "trying again"))
        .await
}

/// A connection that could not be made, or broke. What the client says may hold the signed address of a redirect: it is left out.
pub(super) fn broken(url: &Url, error: reqwest::Error) -> SourceError {
    SourceError::Unreachable { url: plain(url), reason: causes(&error.without_url()) }
}

/// An answer that another attempt would meet again.
pub(super) fn odd(url: &Url, answer: impl Into<String>) -> SourceError {
    SourceError::Answer { url: plain(url), answer: answer.into(), passing: false }
}

/// An address without what may be secret in it.
fn plain(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    // Only an address without a host refuses, and it has no password.
    let _ = url.set_password(None);
    url.to_string()
}

fn bearer(token: &Token) -> Result<HeaderValue, String> {
    let value = HeaderValue::from_str(&format!("Bearer {}", token.0));
    let mut value = value.map_err(|_| "the token holds a character that no header can carry".to_owned())?;
    value.set_sensitive(true);
    Ok(value)
}

fn named_etag(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(LINKED_ETAG).or_else(|| headers.get(ETAG))?.to_str().ok()?;
    Some(value.trim_start_matches("W/").trim_matches('"').to_owned())
}

/// Where a redirect leads: never from an encrypted connection to a plain one.
fn next(asked: &Url, from: &Url, headers: &HeaderMap) -> Result<Url, SourceError> {
    let location = headers.get(LOCATION).and_then(|location| location.to_str().ok());
    let next = location.and_then(|location| from.join(location).ok());
    let next = next.ok_or_else(|| odd(asked, "a redirect that leads nowhere"))?;
    if from.scheme() == "https" && next.scheme() != "https" {
        return Err(odd(asked, "a redirect to an address that is not encrypted"));
    }
    Ok(next)
}

/// An error with all its causes: the outermost says too little.
pub(super) fn causes(error: &dyn std::error::Error) -> String {
    let all = std::iter::successors(Some(error), |error| error.source());
    let mut said: Vec<String> = Vec::new();
    for cause in all.map(ToString::to_string) {
        // Some errors repeat their cause.
        if !said.last().is_some_and(|before| before.ends_with(&cause)) {
            said.push(cause);
        }
    }
    said.join(": ")
}
