//! Addresses of encoders, as a study writes them.

use std::fmt;
use std::path::PathBuf;

/// Revision of a hub repository that names none.
pub const DEFAULT_REVISION: &str = "main";

/// Where an encoder lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A directory of this machine.
    Directory(PathBuf),
    /// A repository of a model hub: `hf://NAME`, `hf://OWNER/NAME`, either with `@REVISION`.
    Hub {
        /// `NAME` or `OWNER/NAME`.
        repo: String,
        /// A branch, a tag or a commit.
        revision: String,
    },
    /// Objects of a store: `s3://BUCKET/PREFIX`.
    S3 {
        /// Bucket.
        bucket: String,
        /// What the names of the objects begin with, without slashes at its ends; empty for the whole bucket.
        prefix: String,
    },
}

/// What is wrong with an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlaceError {
    /// Nothing is named.
    #[error("the source is empty; name a directory, hf://OWNER/NAME or s3://BUCKET/PREFIX")]
    Empty,
    /// The scheme is none of those known.
    #[error(
        "`{address}` has the unknown scheme `{scheme}`; a source is a directory, hf://OWNER/NAME or s3://BUCKET/PREFIX"
    )]
    Scheme {
        /// The address.
        address: String,
        /// What stands before `://`.
        scheme: String,
    },
    /// The repository of a hub address is none.
    #[error("`{address}` names no repository: {reason}; write hf://NAME or hf://OWNER/NAME")]
    Repository {
        /// The address.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The revision of a hub address is none.
    #[error("`{address}` names no revision: {reason}; write a branch, a tag or a commit after the @")]
    Revision {
        /// The address.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The bucket of a store's address is none.
    #[error("`{address}` names no bucket: {reason}; write s3://BUCKET/PREFIX")]
    Bucket {
        /// The address.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The prefix of a store's address is none.
    #[error("`{address}` has the prefix `{prefix}`, which {reason}")]
    Prefix {
        /// The address.
        address: String,
        /// The prefix.
        prefix: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Place {
    /// Reads an address. What has no scheme is a directory.
    ///
    /// # Errors
    /// [`PlaceError`], which says what is wrong with it.
    pub fn parse(source: &str) -> Result<Self, PlaceError> {
        if source.is_empty() {
            return Err(PlaceError::Empty);
        }
        match scheme(source) {
            None => Ok(Self::Directory(PathBuf::from(source))),
            Some(("hf", rest)) => hub(source, rest),
            Some(("s3", rest)) => s3(source, rest),
            Some((scheme, _)) => {
                Err(PlaceError::Scheme { address: source.to_owned(), scheme: scheme.to_owned() })
            }
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory(path) => write!(f, "{}", path.display()),
            Self::Hub { repo, revision } => write!(f, "hf://{repo}@{revision}"),
            Self::S3 { bucket, prefix } if prefix.is_empty() => write!(f, "s3://{bucket}"),
            Self::S3 { bucket, prefix } => write!(f, "s3://{bucket}/{prefix}"),
        }
    }
}

/// What stands before and after `://`, when the former looks like a scheme.
fn scheme(source: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = source.split_once("://")?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    (scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.chars().all(plain))
        .then_some((scheme, rest))
}

fn hub(address: &str, rest: &str) -> Result<Place, PlaceError> {
    let (repo, revision) = rest.split_once('@').unwrap_or((rest, DEFAULT_REVISION));
    if let Some(reason) = wrong_repository(repo) {
        return Err(PlaceError::Repository { address: address.to_owned(), reason });
    }
    if let Some(reason) = wrong_revision(revision) {
        return Err(PlaceError::Revision { address: address.to_owned(), reason: reason.to_owned() });
    }
    Ok(Place::Hub { repo: repo.to_owned(), revision: revision.to_owned() })
}

fn wrong_repository(repo: &str) -> Option<String> {
    if repo.is_empty() {
        return Some("nothing stands after hf://".to_owned());
    }
    let parts: Vec<&str> = repo.split('/').collect();
    if parts.len() > 2 {
        return Some(format!("`{repo}` has {} parts", parts.len()));
    }
    if parts.iter().any(|part| part.is_empty()) {
        return Some(format!("a part of `{repo}` is empty"));
    }
    let odd = |c: &char| !(c.is_ascii_alphanumeric() || "-_./".contains(*c));
    if let Some(odd) = repo.chars().find(odd) {
        return Some(format!("`{repo}` holds the character {odd:?}"));
    }
    // The cache writes `--` for the slash, and a part of dots would lead out of it.
    if let Some(pair) = ["--", ".."].iter().find(|pair| repo.contains(**pair)) {
        return Some(format!("`{repo}` holds `{pair}`"));
    }
    let ends = ['-', '.'];
    let rough = parts.iter().find(|part| part.starts_with(ends) || part.ends_with(ends));
    rough.map(|part| format!("`{part}` begins or ends with `-` or `.`"))
}

fn wrong_revision(revision: &str) -> Option<&'static str> {
    if revision.is_empty() {
        return Some("nothing stands after the @");
    }
    if revision.chars().any(|c| c.is_whitespace() || c.is_control() || "\\?*:[~^@".contains(c)) {
        return Some("it holds a character that no revision has");
    }
    // A revision becomes a path below the cache's `refs`.
    let climbs = revision.split('/').any(|part| part.is_empty() || part.starts_with('.'));
    climbs.then_some("a part of it is empty or begins with a dot")
}

fn s3(address: &str, rest: &str) -> Result<Place, PlaceError> {
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let wrong = |reason: String| Err(PlaceError::Bucket { address: address.to_owned(), reason });
    if bucket.is_empty() {
        return wrong("nothing stands after s3://".to_owned());
    }
    let odd = |c: &char| !(c.is_ascii_alphanumeric() || "-._".contains(*c));
    if let Some(odd) = bucket.chars().find(odd) {
        return wrong(format!("`{bucket}` holds the character {odd:?}"));
    }
    let prefix = prefix.trim_matches('/');
    if prefix.split('/').any(|part| part == "." || part == "..") || prefix.contains("//") {
        let reason = "has an empty part or one of dots".to_owned();
        return Err(PlaceError::Prefix { address: address.to_owned(), prefix: prefix.to_owned(), reason });
    }
    Ok(Place::S3 { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn wrong(source: &str) -> String {
        Place::parse(source).unwrap_err().to_string()
    }

    fn hub(repo: &str, revision: &str) -> Place {
        Place::Hub { repo: repo.to_owned(), revision: revision.to_owned() }
    }

    #[test]
    fn each_form_is_read_as_what_it_is() {
        let read = |source| Place::parse(source).unwrap();
        for path in ["model", "../a b", "c:m", "models/hf", "://odd"] {
            assert_eq!(read(path), Place::Directory(PathBuf::from(path)));
        }
        assert_eq!(read("hf://bert-base-uncased"), hub("bert-base-uncased", "main"));
        assert_eq!(read("hf://owner/na_me.v2@refs/pr/1"), hub("owner/na_me.v2", "refs/pr/1"));
        let store =
            |bucket: &str, prefix: &str| Place::S3 { bucket: bucket.to_owned(), prefix: prefix.to_owned() };
        assert_eq!(read("s3://models/a/b/"), store("models", "a/b"));
        assert_eq!(read("s3://models"), store("models", ""));
    }

    #[test]
    fn an_address_is_written_as_it_can_be_read_again() {
        for source in ["hf://a/b@v1", "s3://bucket/a/b", "s3://bucket", "some/where"] {
            assert_eq!(Place::parse(source).unwrap().to_string(), source);
        }
    }

    #[test]
    fn what_is_wrong_with_an_address_is_named() {
        assert!(wrong("").contains("the source is empty"));
        assert!(wrong("ftp://host/m").contains("unknown scheme `ftp`"));
        assert!(wrong("hf://").contains("nothing stands after hf://"));
        assert!(wrong("hf://a/b/c").contains("`a/b/c` has 3 parts"));
        assert!(wrong("hf://a/").contains("a part of `a/` is empty"));
        assert!(wrong("hf://a/b c").contains("the character ' '"));
        assert!(wrong("hf://a--b").contains("holds `--`"));
        assert!(wrong("hf://../b").contains("holds `..`"));
        assert!(wrong("hf://-a/b").contains("`-a` begins or ends"));
        assert!(wrong("hf://a/b@").contains("nothing stands after the @"));
        assert!(wrong("hf://a/b@x/../../y").contains("begins with a dot"));
        assert!(wrong("hf://a/b@a b").contains("no revision has"));
        assert!(wrong("s3:///prefix").contains("nothing stands after s3://"));
        assert!(wrong("s3://a b/c").contains("`a b` holds the character ' '"));
        assert!(wrong("s3://a/b/../c").contains("prefix `b/../c`"));
    }
}
