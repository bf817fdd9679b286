//! What can go wrong between an address and a directory.

use super::place::PlaceError;
use std::path::PathBuf;

/// An encoder that cannot be had from where it is said to lie.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// The address is none.
    #[error(transparent)]
    Address(#[from] PlaceError),
    /// A variable of the environment has a value that cannot be used.
    #[error("{variable} is `{value}`, which {reason}")]
    Variable {
        /// Its name.
        variable: &'static str,
        /// Its value.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The client cannot be made, or what it is configured with cannot be used.
    #[error("the client for {address} cannot be made: {reason}")]
    Client {
        /// What it is for.
        address: String,
        /// What is wrong.
        reason: String,
    },
    /// There is no such repository or revision, or no such bucket or object.
    #[error("{address} is not there: {answer}")]
    Missing {
        /// The address.
        address: String,
        /// What the endpoint answered.
        answer: String,
    },
    /// The endpoint does not let us in.
    #[error("access to {address} is refused: {answer}; {advice}")]
    Refused {
        /// The address.
        address: String,
        /// What the endpoint answered.
        answer: String,
        /// What to do.
        advice: &'static str,
    },
    /// The endpoint answers, but with something else than was asked for.
    #[error("{url} answered {answer}")]
    Answer {
        /// What was asked for.
        url: String,
        /// What came.
        answer: String,
        /// Whether another attempt may fare better.
        passing: bool,
    },
    /// The endpoint has had enough of us for a while.
    #[error("{url} is asked too often; it wants {wait} seconds of peace")]
    Busy {
        /// What was asked for.
        url: String,
        /// Seconds to wait, as the endpoint said.
        wait: String,
    },
    /// The endpoint cannot be reached, or the connection broke.
    #[error("{url} could not be fetched: {reason}")]
    Unreachable {
        /// What was asked for.
        url: String,
        /// Why, with all causes.
        reason: String,
    },
    /// It is said that there is no network, and the cache does not hold the encoder.
    #[error("{address} is not in the cache {cache}, and {why}")]
    NotCached {
        /// The address.
        address: String,
        /// Directory of the cache.
        cache: String,
        /// Why it was not fetched.
        why: String,
    },
    /// Bytes are not those that their name promises.
    #[error(
        "{file} of {address} arrived damaged: its {kind} is {found}, not {expected}; nothing of it was kept"
    )]
    Damaged {
        /// The address.
        address: String,
        /// File in it.
        file: String,
        /// Kind of checksum.
        kind: &'static str,
        /// What it should be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// The weights are there in a form that runs code when it is read, and in no other.
    #[error(
        "{address} has its weights only as {found}, which is not read, because unpickling runs code; convert it to \
         safetensors, or name a revision that holds model.safetensors"
    )]
    OnlyPickles {
        /// The address.
        address: String,
        /// The files that are there.
        found: String,
    },
    /// There is no encoder.
    #[error("{address} holds no encoder: {reason}")]
    NoEncoder {
        /// The address.
        address: String,
        /// What is missing.
        reason: String,
    },
    /// A file of the encoder that says which others there are cannot be understood.
    #[error("{file} of {address} cannot be used: {reason}")]
    File {
        /// The address.
        address: String,
        /// File in it.
        file: String,
        /// What is wrong with it.
        reason: String,
    },
    /// What the study was planned with is not there any more.
    #[error("{address} has changed since the study was planned: its revision was {planned} and is {found}")]
    Changed {
        /// The address.
        address: String,
        /// Revision in the plan.
        planned: String,
        /// Revision that is there.
        found: String,
    },
    /// The cache cannot be read or written.
    #[error("the cache of encoders failed at {path}: {source}")]
    Cache {
        /// File or directory.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl SourceError {
    /// Tells whether another attempt, here or elsewhere, may fare better with the same study.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Busy { .. } | Self::Cache { .. } | Self::Damaged { .. } => true,
            Self::Answer { passing, .. } => *passing,
            _ => false,
        }
    }

    pub(super) fn cache(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Cache { path: path.to_owned(), source }
    }
}
