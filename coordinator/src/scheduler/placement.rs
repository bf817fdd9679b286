//! Placement: which worker can serve which job, and why not. Pure.

use isoscope_core::plan::Plan;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;

/// What a job asks of the workers that run its tasks. A job that is not planned yet asks for nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Need {
    /// Class of machines with equal bits; pinned by the survey.
    pub numerics_class: Option<String>,
    /// Plugins, by id and digest.
    pub plugins: BTreeSet<(String, String)>,
    /// `model_type` of its encoders.
    pub encoder_families: BTreeSet<String>,
}

impl Need {
    /// Reads off a plan what it asks for.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let models = plan.subjects.iter().filter_map(|subject| subject.model.as_ref());
        Self {
            numerics_class: Some(plan.numerics_class.clone()),
            plugins: super::op_refs(plan).map(|op| (op.plugin.clone(), op.plugin_digest.clone())).collect(),
            encoder_families: models.map(|model| model.facts.model_type.clone()).collect(),
        }
    }
}

/// A plugin that a worker offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offered {
    /// Its id.
    pub id: String,
    /// Its version.
    pub version: String,
    /// `sha256:` of its file, or of the build for a built-in one.
    pub digest: String,
    /// `built-in`, or the file on the worker.
    pub source: String,
}

/// A plugin file that a worker did not load.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rejected {
    /// The file on the worker.
    pub source: String,
    /// Its digest; empty when it could not be read.
    pub digest: String,
    /// Why not.
    pub reason: String,
}

/// What a worker can do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capabilities {
    /// `cpu` or `cuda:0`.
    pub device: String,
    /// Number format of the forward pass.
    pub dtype: String,
    /// Workers of one class compute the same bits.
    pub numerics_class: String,
    /// Tasks at once.
    pub slots: u32,
    /// Memory of the machine or the device.
    pub memory_bytes: u64,
    /// Values of `model_type` that it can load.
    pub encoder_families: BTreeSet<String>,
    /// Plugins that it offers.
    pub plugins: Vec<Offered>,
    /// Plugin files that it did not load.
    pub rejected: Vec<Rejected>,
}

/// Why a worker takes no task of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Its results would differ in the last bits.
    NumericsClass {
        /// Class of the worker.
        has: String,
        /// Class that the job is pinned to.
        needs: String,
    },
    /// It lacks a plugin, or has another build of it.
    Plugin {
        /// Id of the plugin.
        id: String,
        /// Digest that the plan names.
        digest: String,
        /// Digest that the worker has, if any.
        has: Option<String>,
    },
    /// It cannot load an encoder.
    EncoderFamily(String),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NumericsClass { has, needs } => {
                write!(f, "computes as {has}, the job is pinned to {needs}")
            }
            Self::Plugin { id, digest, has: None } => write!(f, "lacks the plugin {id} ({})", short(digest)),
            Self::Plugin { id, digest, has: Some(has) } => {
                write!(
                    f,
                    "has another build of the plugin {id} ({}, the job needs {})",
                    short(has),
                    short(digest)
                )
            }
            Self::EncoderFamily(family) => write!(f, "cannot load encoders of the type {family}"),
        }
    }
}

/// Enough of a digest to tell files apart.
fn short(digest: &str) -> String {
    digest.chars().take("sha256:".len() + 12).collect()
}

/// Tells why a worker cannot serve a job; `None` when it can.
#[must_use]
pub fn refusal(need: &Need, worker: &Capabilities) -> Option<Refusal> {
    if let Some(needs) = need.numerics_class.as_ref().filter(|needs| **needs != worker.numerics_class) {
        return Some(Refusal::NumericsClass { has: worker.numerics_class.clone(), needs: needs.clone() });
    }
    for (id, digest) in &need.plugins {
        if !worker.plugins.iter().any(|p| p.id == *id && p.digest == *digest) {
            let has = worker.plugins.iter().find(|p| p.id == *id).map(|p| p.digest.clone());
            return Some(Refusal::Plugin { id: id.clone(), digest: digest.clone(), has });
        }
    }
    let families = need.encoder_families.difference(&worker.encoder_families);
    families.into_iter().next().cloned().map(Refusal::EncoderFamily)
}

/// A worker as far as placement looks at it.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// Its name.
    pub name: String,
    /// What it can do.
    pub capabilities: Capabilities,
    /// Why it takes no tasks at all at present, if it does not.
    pub closed: Option<&'static str>,
}

/// Workers named in one reason.
const NAMED: usize = 4;

/// Says why none of the workers takes tasks of a job; `None` when one does.
#[must_use]
pub fn nobody_serves(need: &Need, workers: &[Candidate]) -> Option<String> {
    if workers.is_empty() {
        return Some("no worker is connected".to_owned());
    }
    let mut reasons = Vec::new();
    for worker in workers {
        let reason = match (worker.closed, refusal(need, &worker.capabilities)) {
            (None, None) => return None,
            (_, Some(refusal)) => refusal.to_string(),
            (Some(closed), None) => closed.to_owned(),
        };
        if reasons.len() < NAMED {
            reasons.push(format!("{} {reason}", worker.name));
        }
    }
    let more = workers.len() - reasons.len();
    if more > 0 {
        reasons.push(format!("and {more} more"));
    }
    let (n, noun) = (workers.len(), if workers.len() == 1 { "worker" } else { "workers" });
    Some(format!("0 of {n} {noun} can serve it: {}", reasons.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worker(name: &str, class: &str, digest: &str) -> Candidate {
        let plugin = Offered {
            id: "org.example.a".to_owned(),
            version: "1.0.0".to_owned(),
            digest: digest.to_owned(),
            source: "built-in".to_owned(),
        };
        let capabilities = Capabilities {
            numerics_class: class.to_owned(),
            encoder_families: BTreeSet::from(["bert".to_owned()]),
            plugins: vec![plugin],
            ..Capabilities::default()
        };
        Candidate { name: name.to_owned(), capabilities, closed: None }
    }

    fn need(class: &str, digest: &str, family: &str) -> Need {
        Need {
            numerics_class: Some(class.to_owned()),
            plugins: BTreeSet::from([("org.example.a".to_owned(), digest.to_owned())]),
            encoder_families: BTreeSet::from([family.to_owned()]),
        }
    }

    #[test]
    fn a_job_is_served_by_a_worker_that_has_all_it_needs() {
        let workers = [worker("a", "cpu", "sha256:1")];
        assert_eq!(nobody_serves(&need("cpu", "sha256:1", "bert"), &workers), None);
        assert_eq!(nobody_serves(&Need::default(), &workers), None);
    }

    #[test]
    fn every_worker_says_what_it_lacks() {
        let workers = [worker("a", "gpu", "sha256:1"), worker("b", "cpu", "sha256:2")];
        let reason = nobody_serves(&need("cpu", "sha256:1", "bert"), &workers);
        assert_eq!(
            reason.as_deref(),
            Some(
                "0 of 2 workers can serve it: a computes as gpu, the job is pinned to cpu; b has another build of the plugin \
                 org.example.a (sha256:2, the job needs sha256:1)"
            )
        );
        let reason = nobody_serves(&need("cpu", "sha256:2", "t5"), &workers[1..]);
        assert_eq!(
            reason.as_deref(),
            Some("0 of 1 worker can serve it: b cannot load encoders of the type t5")
        );
    }

    #[test]
    fn workers_that_take_nothing_do_not_count() {
        let mut draining = worker("a", "cpu", "sha256:1");
        draining.closed = Some("is draining");
        let reason = nobody_serves(&need("cpu", "sha256:1", "bert"), &[draining]);
        assert_eq!(reason.as_deref(), Some("0 of 1 worker can serve it: a is draining"));
        assert_eq!(nobody_serves(&Need::default(), &[]).as_deref(), Some("no worker is connected"));
    }

    #[test]
    fn a_long_list_of_workers_is_cut_short() {
        let workers: Vec<Candidate> = (0..40).map(|i| worker(&format!("w{i}"), "gpu", "sha256:1")).collect();
        let reason = nobody_serves(&need("cpu", "sha256:1", "bert"), &workers).unwrap_or_default();
        assert!(reason.starts_with("0 of 40 workers") && reason.ends_with("; and 36 more"));
    }
}
