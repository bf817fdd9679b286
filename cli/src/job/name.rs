//! Names of jobs.

use std::fmt;
use std::str::FromStr;
use uuid::Uuid;

/// What every name of a job begins with.
const COLLECTION: &str = "jobs/";

/// Name of a job, `jobs/UUID`; read from that or from the UUID alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct JobName(Uuid);

/// A text that names no job.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` names no job; write jobs/UUID or the UUID, as isoscope job list shows it")]
pub(crate) struct NotAJob(String);

impl FromStr for JobName {
    type Err = NotAJob;

    fn from_str(text: &str) -> Result<Self, NotAJob> {
        let id = text.strip_prefix(COLLECTION).unwrap_or(text);
        Uuid::try_parse(id).map(Self).map_err(|_| NotAJob(text.to_owned()))
    }
}

impl fmt::Display for JobName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{COLLECTION}{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_job_is_named_with_or_without_its_collection() {
        let full = "jobs/6f2c1f0e-8d0a-4f0e-9d5b-0a4d7a3f9f10";
        let read: JobName = full.parse().unwrap();
        assert_eq!(read.to_string(), full);
        assert_eq!(full["jobs/".len()..].parse::<JobName>().unwrap(), read);
    }

    #[test]
    fn other_texts_are_refused_with_the_form_they_should_have() {
        for text in ["", "jobs/", "jobs/7", "latest"] {
            assert!(text.parse::<JobName>().unwrap_err().to_string().contains("jobs/UUID"));
        }
    }
}
