//! From facts to a plan, and what a plan asks of workers.

use isoscope_core::facts::Facts;
use isoscope_core::plan::{OpRef, Plan};
use isoscope_core::study::Study;
use isoscope_core::task::Work;
use isoscope_core::violation::{Violation, Violations};
use std::collections::BTreeSet;

/// Resolves a study against surveyed facts.
///
/// # Errors
/// Every violation that the plan finds, or facts that are not about this study.
pub fn resolve(study: &Study, facts: &Facts) -> Result<Plan, Violations> {
    let mut found = Vec::new();
    for (list, wanted, got) in [
        ("model", study.model.len(), facts.models.len()),
        ("dataset", study.dataset.len(), facts.datasets.len()),
    ] {
        if wanted != got {
            found.push(Violation::new(list, format!("the survey covers {got} of {wanted} entries")));
        }
    }
    Violations::none_or(found, ())?;
    Plan::new(study, facts)
}

/// Every op of a plan, those of enhancements included.
pub(crate) fn op_refs(plan: &Plan) -> impl Iterator<Item = &OpRef> {
    let steps = plan.nodes.iter().filter_map(|node| node.step.as_ref()).map(|step| &step.op);
    plan.ops.iter().map(|planned| &planned.op).chain(steps)
}

/// The weights digest of the encoder that a task runs; empty when it runs none.
pub(crate) fn model_of(plan: &Plan, work: &Work) -> String {
    let Work::Pass(pass) = work else { return String::new() };
    let model = plan.subjects.get(pass.subject as usize).and_then(|subject| subject.model.as_ref());
    model.map(|model| model.facts.weights_digest.clone()).unwrap_or_default()
}

/// Describes a plan in one line for a person.
#[must_use]
pub fn headline(plan: &Plan) -> String {
    let (mut sentences, mut rows) = (0, 0);
    let mut seen = BTreeSet::new();
    for subject in plan.subjects.iter().filter(|s| seen.insert(&s.dataset.name)) {
        match &subject.model {
            Some(_) => sentences += subject.dataset_facts.rows * u64::from(subject.dataset_facts.sides),
            None => rows += subject.dataset_facts.rows,
        }
    }
    // In a comparison one layer meets several.
    let distinct = |layers: &[u32]| layers.iter().collect::<BTreeSet<_>>().len();
    let layers: BTreeSet<usize> =
        plan.subjects.iter().filter(|s| s.model.is_some()).map(|s| distinct(&s.layers)).collect();
    let mut parts = Vec::new();
    if sentences > 0 {
        parts.push(counted(sentences, "sentence"));
        let models = counted(plan.study.model.len() as u64, "model");
        let layers: Vec<String> = layers.iter().map(ToString::to_string).collect();
        let noun = if layers == ["1"] { "layer" } else { "layers" };
        parts.push(format!("{models} × {} {noun}", layers.join(" or ")));
    }
    if rows > 0 {
        parts.push(counted(rows, "matrix row"));
    }
    parts.push(counted(plan.spaces.len() as u64, "space"));
    parts.push(counted(op_refs(plan).map(|op| &op.id).collect::<BTreeSet<_>>().len() as u64, "op"));
    parts.join(", ")
}

/// `3,000 sentences`.
fn counted(n: u64, noun: &str) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    let plural = if n == 1 { "" } else { "s" };
    format!("{text} {noun}{plural}")
}

#[cfg(test)]
mod tests {
    use super::counted;

    #[test]
    fn numbers_are_grouped_and_nouns_agree() {
        assert_eq!(counted(1, "model"), "1 model");
        assert_eq!(counted(999, "row"), "999 rows");
        assert_eq!(counted(3000, "sentence"), "3,000 sentences");
        assert_eq!(counted(1_234_567, "row"), "1,234,567 rows");
    }
}
