//! Where an encoder comes from, as a study writes it.

/// What stands before the directory of an architecture whose weights are drawn.
const RANDOM: &str = "random:";

/// The source of an encoder, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelAddress<'a> {
    /// Where the files are: a directory, in whatever form a source may name one.
    pub place: &'a str,
    /// Seed of weights that are drawn rather than read.
    pub random_seed: Option<u64>,
}

/// A source that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddressError {
    /// Nothing names a directory.
    #[error("`{0}` names no directory")]
    NoPlace(String),
    /// What follows the `?` is not a seed.
    #[error("`{address}`: `{parameter}` is not known; a random encoder is written random:DIR?seed=NUMBER")]
    Parameter {
        /// The source as written.
        address: String,
        /// What cannot be read.
        parameter: String,
    },
}

impl<'a> ModelAddress<'a> {
    /// Takes a source apart: `random:DIR?seed=NUMBER`, where the seed is 0 when it is not given, or anything else as it is.
    ///
    /// # Errors
    /// When it names no directory, or has parameters that are not known.
    pub fn parse(source: &'a str) -> Result<Self, AddressError> {
        let Some(random) = source.strip_prefix(RANDOM) else {
            let empty = source.trim().is_empty();
            let address = Self { place: source, random_seed: None };
            return if empty { Err(AddressError::NoPlace(source.to_owned())) } else { Ok(address) };
        };
        let (place, parameter) = random.rsplit_once('?').unwrap_or((random, "seed=0"));
        if place.is_empty() {
            return Err(AddressError::NoPlace(source.to_owned()));
        }
        let seed = parameter.strip_prefix("seed=").and_then(|seed| seed.parse().ok());
        match seed {
            Some(seed) => Ok(Self { place, random_seed: Some(seed) }),
            None => {
                Err(AddressError::Parameter { address: source.to_owned(), parameter: parameter.to_owned() })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_random_encoder_has_a_directory_and_a_seed() {
        let parse = |source| ModelAddress::parse(source).map(|address| (address.place, address.random_seed));
        assert_eq!(parse("random:a/b?seed=7"), Ok(("a/b", Some(7))));
        assert_eq!(parse("random:a/b"), Ok(("a/b", Some(0))));
        assert_eq!(parse("random:a?b?seed=18446744073709551615"), Ok(("a?b", Some(u64::MAX))));
    }

    #[test]
    fn everything_else_is_taken_as_it_is() {
        for source in ["dir", "/dir?seed=7", "./random:dir"] {
            assert_eq!(ModelAddress::parse(source), Ok(ModelAddress { place: source, random_seed: None }));
        }
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let message = |source| ModelAddress::parse(source).unwrap_err().to_string();
        assert_eq!(
            message("random:dir?sead=1"),
            "`random:dir?sead=1`: `sead=1` is not known; a random encoder is written random:DIR?seed=NUMBER"
        );
        assert!(message("random:dir?seed=-1").contains("`seed=-1` is not known"));
        for empty in ["", " ", "random:", "random:?seed=1"] {
            assert_eq!(message(empty), format!("`{empty}` names no directory"));
        }
    }
}
