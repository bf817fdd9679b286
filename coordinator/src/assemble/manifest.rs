//! The manifest: what was measured, by what, on what, and the digests of the files.

use super::{AssembleError, Skipped};
use crate::scheduler::op_refs;
use isoscope_core::plan::Plan;
use isoscope_core::result::Tally;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Makes the manifest of a job. `files` are the digests of its files by name, `skipped` the chains of enhancements without one.
///
/// # Errors
/// When it cannot be encoded.
pub fn manifest(
    plan: &Plan,
    tallies: &[Tally],
    files: &BTreeMap<&str, &str>,
    skipped: &[Skipped],
) -> Result<Vec<u8>, AssembleError> {
    let plugins: BTreeMap<&str, Value> = op_refs(plan)
        .map(|op| (op.plugin.as_str(), json!({"version": op.plugin_version, "digest": op.plugin_digest})))
        .collect();
    Ok(serde_json::to_vec_pretty(&json!({
        "schema": 1,
        "isoscope_version": env!("CARGO_PKG_VERSION"),
        "study": plan.study,
        "plan_digest": plan.digest()?,
        "numerics_class": plan.numerics(),
        "stages": plan.stages,
        "subjects": subjects(plan, tallies),
        "plugins": plugins,
        "left_out": plan.left_out,
        "files": files,
        "transforms_skipped": skipped,
    }))?)
}

fn subjects(plan: &Plan, tallies: &[Tally]) -> Vec<Value> {
    let subjects = plan.subjects.iter().zip(tallies).map(|(subject, tally)| {
        json!({
            "model": subject.model.as_ref().map(|m| json!({"name": m.name, "source": m.source, "facts": m.facts})),
            "dataset": subject.dataset,
            "dataset_digest": subject.dataset_facts.digest,
            "rows": subject.dataset_facts.rows,
            "layers": subject.layers,
            "partner": subject.partner.as_ref().map(|partner| json!({
                "name": partner.name(),
                "model": partner.model.as_ref().map(|m| json!({"source": m.source, "facts": m.facts})),
                "dataset_digest": partner.dataset_facts.digest,
                "layers": partner.layers,
            })),
            "width": subject.width,
            "shards": subject.shards,
            "shard_rows": subject.shard_rows,
            "tally": tally,
        })
    });
    subjects.collect()
}
