//! What the environment says of hubs and caches. The variables of the hub are those of its own programs, so that an installation that
//! serves them serves isoscope.

use super::error::SourceError;
use reqwest::Url;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::PathBuf;

/// Endpoint of the hub where `HF_ENDPOINT` names none.
const PUBLIC_ENDPOINT: &str = "https://huggingface.co";

/// How to reach a hub, and where its files are kept.
#[derive(Debug, Clone)]
pub(super) struct HubSettings {
    /// Where requests go.
    pub(super) endpoint: Url,
    /// What is shown to the endpoint, and to nobody else.
    pub(super) token: Option<Token>,
    /// Directory of the cache.
    pub(super) cache: PathBuf,
    /// Whether nothing may be asked of the endpoint.
    pub(super) offline: bool,
}

/// A token. It is never written out.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Token(pub(super) String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl HubSettings {
    /// Reads them from the environment of the process.
    ///
    /// # Errors
    /// When `HF_ENDPOINT` is no address, or the token's file cannot be read.
    pub(super) fn from_env() -> Result<Self, SourceError> {
        Self::from(&|name| std::env::var_os(name))
    }

    /// Reads them from variables.
    pub(super) fn from(variable: &dyn Fn(&str) -> Option<OsString>) -> Result<Self, SourceError> {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let home = set("HF_HOME").map_or_else(|| users_cache(variable).join("huggingface"), PathBuf::from);
        let cache = set("HF_HUB_CACHE").map_or_else(|| home.join("hub"), PathBuf::from);
        let named = set("HF_ENDPOINT").map(|value| value.to_string_lossy().into_owned());
        let offline = set("HF_HUB_OFFLINE").map(|value| value.to_string_lossy().to_ascii_uppercase());
        let token = match set("HF_TOKEN") {
            Some(value) => Some(value.to_string_lossy().into_owned()),
            None => kept_token(&set("HF_TOKEN_PATH").map_or_else(|| home.join("token"), PathBuf::from))?,
        };
        Ok(Self {
            endpoint: endpoint(named.as_deref().unwrap_or(PUBLIC_ENDPOINT))?,
            token: token.map(|token| token.trim().to_owned()).filter(|token| !token.is_empty()).map(Token),
            cache,
            offline: offline.is_some_and(|value| ["1", "ON", "YES", "TRUE"].contains(&value.as_str())),
        })
    }
}

fn endpoint(value: &str) -> Result<Url, SourceError> {
    let wrong = |reason: &str| SourceError::Variable {
        variable: "HF_ENDPOINT",
        value: value.to_owned(),
        reason: reason.to_owned(),
    };
    let url = Url::parse(value).map_err(|e| wrong(&format!("is no address: {e}")))?;
    match url.scheme() {
        "http" | "https" if url.has_host() => Ok(url),
        _ => Err(wrong("is no http or https address")),
    }
}

/// The token that a login left behind; none when there was none.
fn kept_token(path: &std::path::Path) -> Result<Option<String>, SourceError> {
    match fs::read_to_string(path) {
        Ok(token) => Ok(Some(token)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(SourceError::cache(path)(e)),
    }
}

/// Directory of what was fetched from stores.
pub(super) fn store_cache() -> PathBuf {
    users_cache(&|name| std::env::var_os(name)).join("isoscope").join("models")
}

/// The user's cache directory, as the XDG base directories name it.
fn users_cache(variable: &dyn Fn(&str) -> Option<OsString>) -> PathBuf {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let at_home = || set("HOME").map(|home| home.join(".cache"));
    set("XDG_CACHE_HOME").or_else(at_home).unwrap_or_else(|| PathBuf::from(".cache"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn settings(variables: &[(&str, &str)]) -> Result<HubSettings, SourceError> {
        let find =
            |name: &str| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| value.into());
        HubSettings::from(&find)
    }

    #[test]
    fn the_cache_is_where_the_first_variable_that_is_set_says() {
        let cache = |variables: &[(&str, &str)]| settings(variables).unwrap().cache;
        let all =
            [("HF_HUB_CACHE", "a"), ("HF_HOME", "b"), ("XDG_CACHE_HOME", "c"), ("HOME", "d"), ("OTHER", "e")];
        assert_eq!(cache(&all), PathBuf::from("a"));
        assert_eq!(cache(&all[1..]), PathBuf::from("b/hub"));
        assert_eq!(cache(&all[2..]), PathBuf::from("c/huggingface/hub"));
        assert_eq!(cache(&all[3..]), PathBuf::from("d/.cache/huggingface/hub"));
        assert_eq!(cache(&[("HF_HUB_CACHE", ""), ("HF_HOME", "b")]), PathBuf::from("b/hub"));
    }

    #[test]
    fn a_token_is_taken_from_its_variable_or_its_file_and_never_shown() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("token"), "kept\n").unwrap();
        let at_home = ("HF_HOME", home.path().to_str().unwrap());
        let kept = settings(&[at_home]).unwrap();
        assert_eq!(kept.token, Some(Token("kept".to_owned())));
        assert!(!format!("{kept:?}").contains("kept"));
        let given = settings(&[at_home, ("HF_TOKEN", " given ")]).unwrap();
        assert_eq!(given.token, Some(Token("given".to_owned())));
        assert_eq!(settings(&[("HF_HOME", "nowhere")]).unwrap().token, None);
    }

    #[test]
    fn an_endpoint_that_is_none_is_refused_by_the_name_of_its_variable() {
        assert_eq!(settings(&[]).unwrap().endpoint.as_str(), "https://huggingface.co/");
        for wrong in ["hub", "ftp://hub", "mailto:hub"] {
            let message = settings(&[("HF_ENDPOINT", wrong)]).unwrap_err().to_string();
            assert!(message.starts_with(&format!("HF_ENDPOINT is `{wrong}`")), "{message}");
        }
    }

    #[test]
    fn offline_is_said_with_the_words_that_other_programs_take() {
        for (value, offline) in [("1", true), ("true", true), ("ON", true), ("0", false), ("", false)] {
            assert_eq!(settings(&[("HF_HUB_OFFLINE", value)]).unwrap().offline, offline, "{value}");
        }
    }
}
