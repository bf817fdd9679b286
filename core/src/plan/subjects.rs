//! The subjects of a plan: what is measured, and which ops each has the columns for.

use super::cut::{Cut, rows_of_a_task};
use super::{PlannedModel, PlannedOp, Subject, unusable};
use crate::facts::{DatasetFacts, Facts, ModelFacts};
use crate::pooling::RowKind;
use crate::study::{DatasetSpec, Format, Layers, ModelSpec, Representation, Study};
use crate::violation::{Violation, Violations};

/// Most rows of a matrix with sentences that is one shard, and one batch.
const ANY_ORDER: u64 = 2048;

/// Plans one subject for each encoder on each dataset of text, and for each matrix.
pub(super) fn plan(study: &Study, facts: &Facts, found: &mut Vec<Violation>) -> Vec<Subject> {
    let mut subjects = Vec::new();
    for (dataset, dataset_facts) in study.dataset.iter().zip(&facts.datasets) {
        if dataset_facts.format == Format::Npy {
            subjects.push(matrix(study, dataset, dataset_facts));
            continue;
        }
        for (i, (model, model_facts)) in study.model.iter().zip(&facts.models).enumerate() {
            let layers = layers(study, model, model_facts, found);
            let (model, dataset) = ((model, model_facts), (dataset, dataset_facts));
            subjects.push(text(study, &facts.numerics_class, model, dataset, layers));
            check_max_tokens(study, &format!("model[{i}]"), model_facts, found);
            check_rows(study, &format!("model[{i}]"), model_facts, found);
        }
    }
    subjects
}

fn check_max_tokens(study: &Study, model: &str, facts: &ModelFacts, found: &mut Vec<Violation>) {
    if study.representation.max_tokens.is_some_and(|most| most > facts.max_positions as usize) {
        let message = format!("{model} takes at most {} tokens", facts.max_positions);
        found.push(Violation::new("representation.max_tokens", message));
    }
}

fn check_rows(study: &Study, model: &str, facts: &ModelFacts, found: &mut Vec<Violation>) {
    if let Err(reason) = row_kind(study, facts) {
        let message = format!(
            "{model} cannot pool sentences as its checkpoint says: {reason}; name another pooling, for instance \"mean\""
        );
        // Every dataset asks the same.
        if !found.iter().any(|known| known.message == message) {
            found.push(Violation::new("representation.pooling", message));
        }
    }
}

fn row_kind(study: &Study, facts: &ModelFacts) -> Result<RowKind, String> {
    let Representation { unit, pooling, .. } = study.representation;
    RowKind::resolve(unit, pooling, &facts.sentences)
}

/// What is read of an encoder whose rows are wanted, and not what can be measured on them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Layers, ascending.
    pub layers: Vec<u32>,
    /// Longest text in tokens, special tokens included.
    pub max_tokens: u32,
    /// What one row is.
    pub rows: RowKind,
}

impl Reading {
    /// Resolves the representation that a study asks of its first encoder.
    ///
    /// # Errors
    /// Layers that the encoder does not have, more tokens than it takes, a pooling of the checkpoint that is not computed.
    pub fn new(study: &Study, facts: &ModelFacts) -> Result<Self, Violations> {
        let mut found = Vec::new();
        let layers = study.model.first().map(|model| layers(study, model, facts, &mut found));
        let layers = layers.unwrap_or_default();
        check_max_tokens(study, "the encoder", facts, &mut found);
        check_rows(study, "the encoder", facts, &mut found);
        let rows = row_kind(study, facts).unwrap_or(RowKind::Token);
        Violations::none_or(found, Self { layers, max_tokens: max_tokens(study, facts), rows })
    }
}

impl Subject {
    /// Plans the first encoder of a study on its first dataset, a text, cut and packed as a study of the two is.
    ///
    /// # Errors
    /// Layers that the encoder does not have, more tokens than it takes.
    pub fn encoded(
        study: &Study,
        numerics_class: &str,
        model_facts: &ModelFacts,
        dataset_facts: &DatasetFacts,
    ) -> Result<Self, Violations> {
        let Reading { layers, .. } = Reading::new(study, model_facts)?;
        let (Some(model), Some(dataset)) = (study.model.first(), study.dataset.first()) else {
            return Err(Violations(vec![Violation::new("", "an encoder and a dataset are needed")]));
        };
        Ok(text(study, numerics_class, (model, model_facts), (dataset, dataset_facts), layers))
    }
}

/// Longest text in tokens, special tokens included.
fn max_tokens(study: &Study, facts: &ModelFacts) -> u32 {
    let limit = facts.max_positions;
    study.representation.max_tokens.map_or(limit, |most| most as u32).min(limit)
}

/// The layers of an encoder that the study asks for.
pub(super) fn layers(
    study: &Study,
    model: &ModelSpec,
    facts: &ModelFacts,
    found: &mut Vec<Violation>,
) -> Vec<u32> {
    match &study.representation.layers {
        Layers::All => (0..facts.hidden_states).collect(),
        Layers::Last => vec![facts.hidden_states.saturating_sub(1)],
        Layers::Some(wanted) => {
            let mut layers = wanted.clone();
            layers.sort_unstable();
            layers.dedup();
            for layer in layers.iter().filter(|&&layer| layer >= facts.hidden_states) {
                let last = facts.hidden_states - 1;
                let message = format!("`{}` has no layer {layer}; its layers are 0 to {last}", model.name);
                found.push(Violation::new("representation.layers", message));
            }
            layers
        }
    }
}

/// The subject of a precomputed matrix.
pub(super) fn matrix(study: &Study, dataset: &DatasetSpec, facts: &DatasetFacts) -> Subject {
    // Workers move the borders of shards to where pairs of sentences begin. Of few rows the sentences may stand in any order.
    let sentences = facts.columns.iter().any(|column| column == "sentence");
    let whole = sentences && facts.rows <= ANY_ORDER;
    let cut = if whole { Cut::whole(study, facts.rows) } else { Cut::new(study, facts.rows, u64::MAX) };
    Subject {
        model: None,
        dataset: dataset.clone(),
        dataset_facts: facts.clone(),
        partner: None,
        layers: vec![0],
        width: facts.width.unwrap_or(0),
        max_tokens: 0,
        shard_rows: cut.shard_rows,
        shards: cut.shards,
        block_level: cut.block_level,
        group_level: cut.group_level,
        ops: Vec::new(),
    }
}

/// The subject of an encoder on text.
pub(super) fn text(
    study: &Study,
    numerics_class: &str,
    (model, model_facts): (&ModelSpec, &ModelFacts),
    (dataset, dataset_facts): (&DatasetSpec, &DatasetFacts),
    layers: Vec<u32>,
) -> Subject {
    let wanted = max_tokens(study, model_facts);
    let task_rows = rows_of_a_task(numerics_class, &[model_facts], dataset_facts.sides, wanted);
    let cut = Cut::new(study, dataset_facts.rows, task_rows);
    Subject {
        model: Some(planned(study, model, model_facts)),
        layers,
        width: model_facts.width,
        max_tokens: wanted,
        shard_rows: cut.shard_rows,
        shards: cut.shards,
        block_level: cut.block_level,
        group_level: cut.group_level,
        ..matrix(study, dataset, dataset_facts)
    }
}

/// An encoder as the plan knows it. A pooling that cannot be had is reported elsewhere.
pub(super) fn planned(study: &Study, model: &ModelSpec, facts: &ModelFacts) -> PlannedModel {
    PlannedModel {
        name: model.name.clone(),
        source: model.source.clone(),
        base: model.base.clone(),
        rows: row_kind(study, facts).unwrap_or(RowKind::Token),
        facts: facts.clone(),
    }
}

/// Indices of the ops that a subject can be given: those of one cloud or of two, whose columns it has.
pub(super) fn applicable(study: &Study, subject: &Subject, ops: &[PlannedOp]) -> Vec<u32> {
    let has = |column: &String| subject.dataset_facts.has(column, study.representation.unit);
    let fits = |op: &PlannedOp| {
        op.pairing.as_ref() == subject.partner.as_ref().map(|partner| &partner.pairing)
            && op.columns.iter().chain(&op.by).all(has)
            && !(unusable::reads_pairs(op) && subject.model.is_some() && subject.dataset_facts.sides != 2)
    };
    (0..).zip(ops).filter(|(_, op)| fits(op)).map(|(i, _)| i).collect()
}
