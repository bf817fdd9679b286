//! The columns that identify a number.

use isoscope_core::plan::{Plan, PlannedOp, Subject};
use isoscope_core::pooling::RowKind;
use isoscope_core::result::Key;
use isoscope_core::study::{OnLongText, Study};

/// Where in a subject a value belongs.
pub(super) struct Place<'a> {
    /// Slot of the layer.
    pub(super) slot: usize,
    /// Key of the group of rows; empty for all rows.
    pub(super) group: &'a str,
}

/// The key of a value.
pub(super) fn key(
    plan: &Plan,
    digest: &str,
    subject: &Subject,
    place: &Place<'_>,
    planned: &PlannedOp,
    metric: &str,
) -> Key {
    let layer = subject.layers.get(place.slot).copied().unwrap_or(0);
    let partner = subject.partner.as_ref();
    let space = plan.spaces.get(planned.space as usize);
    Key {
        study: plan.study.name.clone(),
        model: subject.model_name().to_owned(),
        dataset: subject.dataset.name.clone(),
        layer,
        other: partner.map(|partner| partner.name().to_owned()).unwrap_or_default(),
        other_layer: partner.and_then(|partner| partner.layers.get(place.slot).copied()).unwrap_or(layer),
        by: planned.by.clone().unwrap_or_default(),
        group: place.group.to_owned(),
        space: space.map(|s| s.name.clone()).unwrap_or_default(),
        metric: metric.to_owned(),
        weights_digest: subject.model.as_ref().map(|m| m.facts.weights_digest.clone()).unwrap_or_default(),
        model_revision: subject.model.as_ref().map(|m| m.facts.revision.clone()).unwrap_or_default(),
        dataset_digest: subject.dataset_facts.digest.clone(),
        unit: unit(plan, subject).to_owned(),
        pooling: pooling(subject),
        token_policy: token_policy(&plan.study, subject),
        chain: space.map(|s| s.chain.clone()).unwrap_or_default(),
        definition: planned.op.definition,
        params: planned.op.params.clone(),
        plugin: format!("{} {}", planned.op.plugin, planned.op.plugin_version),
        plugin_digest: planned.op.plugin_digest.clone(),
        d: subject.width,
        seed: plan.study.seed,
        numerics_class: plan.numerics(),
        plan_digest: digest.to_owned(),
    }
}

/// What one row is.
pub(super) fn unit(plan: &Plan, subject: &Subject) -> &'static str {
    if subject.model.is_some() { plan.study.representation.unit.name() } else { "row" }
}

/// How sentences are pooled; of a comparison by either side, where they differ.
pub(super) fn pooling(subject: &Subject) -> String {
    let own = subject.row_kind().map(RowKind::pooling).unwrap_or_default();
    let other = subject.partner.as_ref().and_then(|partner| partner.model.as_ref());
    match other.map(|model| model.rows.pooling()).filter(|other| *other != own) {
        Some(other) => format!("{own} and {other}"),
        None => own,
    }
}

/// `exclude=special;max_tokens=512;on_long_text=truncate`.
fn token_policy(study: &Study, subject: &Subject) -> String {
    if subject.model.is_none() {
        return String::new();
    }
    let excluded = if study.representation.exclude.0.is_empty() { "nothing" } else { "special" };
    let long = match study.representation.on_long_text {
        OnLongText::Error => "error",
        OnLongText::Truncate => "truncate",
    };
    format!("exclude={excluded};max_tokens={};on_long_text={long}", subject.max_tokens)
}
