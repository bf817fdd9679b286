//! Builds a plan from a study and the facts about its sources.

use super::spaces::{SpaceNode, descend};
use super::{GROUPS, Plan, PlannedModel, PlannedOp, Space, Subject, select, stages};
use crate::catalogue::{Kind, PluginFacts};
use crate::facts::{DatasetFacts, Facts, ModelFacts};
use crate::study::{DatasetSpec, EnhancementSpec, Format, Layers, ModelSpec, RAW, Study};
use crate::tree::level_with_at_most;
use crate::violation::{Violation, Violations};

/// Shards that a dataset is cut into by default, as long as they hold at most [`MOST_SHARD_ROWS`].
const SHARDS: u64 = 64;
/// Most rows in a shard by default.
const MOST_SHARD_ROWS: u64 = 1024;
/// Most shards in the block of one task.
const BLOCK_LEVEL: u32 = 3;
/// Floating-point operations that a task should take: 40 s of one core of a usual machine, or of a GPU. Shorter tasks spend their
/// time on states going to and fro, longer ones lose more with a worker.
const TASK_FLOP_CPU: f64 = 40.0 * 64e9;
const TASK_FLOP_GPU: f64 = 40.0 * 20e12;
/// Tokens of a usual text; how long the texts at hand are is not known before they are tokenized.
const USUAL_TOKENS: u32 = 32;
/// Fewest rows in a shard by default, so that a plan never has a task a row.
const FEWEST_SHARD_ROWS: u64 = 16;

impl Plan {
    /// Resolves a study against the facts that a worker surveyed.
    ///
    /// # Errors
    /// Every violation found: ids that no plugin offers, parameters that an op does not know, layers that an encoder does not
    /// have, evaluations without gold scores.
    pub fn new(study: &Study, facts: &Facts) -> Result<Self, Violations> {
        let mut found = Vec::new();
        let mut nodes = vec![SpaceNode::raw()];
        let spaces = plan_spaces(study, &facts.plugins, &mut nodes, &mut found);
        let mut ops = plan_ops(study, &facts.plugins, &spaces, &mut found);
        let mut subjects = plan_subjects(study, facts, &mut found);
        for subject in &mut subjects {
            subject.ops = applicable(subject, &ops);
        }
        refuse_unusable(&subjects, &ops, &mut found);
        Violations::none_or(found, ())?;
        let passes = stages::assign(&mut nodes, &mut ops);
        let numerics_class = facts.numerics_class.clone();
        Ok(Self { study: study.clone(), numerics_class, subjects, nodes, spaces, ops, stages: passes })
    }

    /// Checks what a study asks of plugins, against their manifests alone, before anything is known of its sources.
    ///
    /// # Errors
    /// Every violation found: ids that no plugin offers, parameters that an op does not know.
    pub fn check(study: &Study, plugins: &[PluginFacts]) -> Result<(), Violations> {
        let mut found = Vec::new();
        let spaces = plan_spaces(study, plugins, &mut vec![SpaceNode::raw()], &mut found);
        plan_ops(study, plugins, &spaces, &mut found);
        Violations::none_or(found, ())
    }
}

fn plan_spaces(
    study: &Study,
    plugins: &[PluginFacts],
    nodes: &mut Vec<SpaceNode>,
    found: &mut Vec<Violation>,
) -> Vec<Space> {
    let mut spaces = vec![Space { name: RAW.to_owned(), node: 0, chain: "[]".to_owned() }];
    for (i, spec) in study.enhancement.iter().enumerate() {
        let path = format!("enhancement[{i}]");
        let steps = select::chain(plugins, spec, &path, found);
        let chain: Vec<String> =
            steps.iter().map(|s| format!("{{\"id\":\"{}\",\"params\":{}}}", s.op.id, s.op.params)).collect();
        let node = steps.into_iter().fold(0, |parent, step| descend(nodes, parent, step));
        let name = spec.name.clone().unwrap_or_else(|| default_name(spec));
        if spaces.iter().any(|s| s.name == name) {
            found.push(Violation::new(
                path,
                format!("the space `{name}` exists already; give it another name"),
            ));
        }
        spaces.push(Space { name, node, chain: format!("[{}]", chain.join(",")) });
    }
    spaces
}

/// `abtt(components=15)+l2_normalize`.
fn default_name(spec: &EnhancementSpec) -> String {
    let first = spec.id.iter().map(|id| (id, &spec.params));
    let steps = first.chain(spec.then.iter().map(|step| (&step.id, &step.params)));
    let named = steps.map(|(id, params)| {
        let written: Vec<String> = params.iter().map(|(k, v)| format!("{k}={v}")).collect();
        if written.is_empty() { id.clone() } else { format!("{id}({})", written.join(",")) }
    });
    named.collect::<Vec<_>>().join("+")
}

fn plan_ops(
    study: &Study,
    plugins: &[PluginFacts],
    spaces: &[Space],
    found: &mut Vec<Violation>,
) -> Vec<PlannedOp> {
    let mut ops = Vec::new();
    for (i, spec) in study.metric.iter().enumerate() {
        let path = format!("metric[{i}]");
        select::join(&mut ops, select::metric(plugins, &[Kind::Metric], spec, spaces, &path, found));
    }
    for (i, spec) in study.evaluation.iter().enumerate() {
        let path = format!("evaluation[{i}]");
        select::join(&mut ops, select::metric(plugins, &[Kind::Evaluation], spec, spaces, &path, found));
    }
    ops
}

fn plan_subjects(study: &Study, facts: &Facts, found: &mut Vec<Violation>) -> Vec<Subject> {
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
            if study.representation.max_tokens.is_some_and(|most| most > model_facts.max_positions as usize) {
                let message = format!("model[{i}] takes at most {} tokens", model_facts.max_positions);
                found.push(Violation::new("representation.max_tokens", message));
            }
        }
    }
    subjects
}

fn layers(study: &Study, model: &ModelSpec, facts: &ModelFacts, found: &mut Vec<Violation>) -> Vec<u32> {
    match &study.representation.layers {
        Layers::All => (0..facts.hidden_states).collect(),
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

fn matrix(study: &Study, dataset: &DatasetSpec, facts: &DatasetFacts) -> Subject {
    let cut = Cut::new(study, facts.rows, u64::MAX);
    Subject {
        model: None,
        dataset: dataset.clone(),
        dataset_facts: facts.clone(),
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

/// Rows that a task should pass over, by what the encoder takes for a usual text: 24 d² operations a token and layer, for the
/// products of attention and feed-forward network of four times the width.
fn rows_of_a_task(numerics_class: &str, model: &ModelFacts, sides: u32, max_tokens: u32) -> u64 {
    let (d, blocks) = (f64::from(model.width), f64::from(model.hidden_states.saturating_sub(1).max(1)));
    let tokens = f64::from(sides.max(1) * max_tokens.min(USUAL_TOKENS));
    let flop = if numerics_class.starts_with("cuda") { TASK_FLOP_GPU } else { TASK_FLOP_CPU };
    ((flop / (24.0 * d * d * blocks * tokens)) as u64).max(1)
}

fn text(
    study: &Study,
    numerics_class: &str,
    (model, model_facts): (&ModelSpec, &ModelFacts),
    (dataset, dataset_facts): (&DatasetSpec, &DatasetFacts),
    layers: Vec<u32>,
) -> Subject {
    let limit = model_facts.max_positions;
    let wanted = study.representation.max_tokens.map_or(limit, |most| most as u32);
    let task_rows = rows_of_a_task(numerics_class, model_facts, dataset_facts.sides, wanted.min(limit));
    let cut = Cut::new(study, dataset_facts.rows, task_rows);
    Subject {
        model: Some(PlannedModel {
            name: model.name.clone(),
            source: model.source.clone(),
            facts: model_facts.clone(),
        }),
        layers,
        width: model_facts.width,
        max_tokens: wanted.min(limit),
        shard_rows: cut.shard_rows,
        shards: cut.shards,
        block_level: cut.block_level,
        group_level: cut.group_level,
        ..matrix(study, dataset, dataset_facts)
    }
}

/// Where a dataset is cut.
struct Cut {
    shard_rows: u64,
    shards: u64,
    block_level: u32,
    group_level: u32,
}

impl Cut {
    /// Cuts `rows` rows so that a task passes over about `task_rows` of them.
    fn new(study: &Study, rows: u64, task_rows: u64) -> Self {
        let most = task_rows.clamp(FEWEST_SHARD_ROWS, MOST_SHARD_ROWS);
        let by_default = rows.div_ceil(SHARDS).clamp(1, most);
        let shard_rows = study.plan.shard_rows.unwrap_or(by_default);
        let shards = rows.div_ceil(shard_rows).max(1);
        let group_level = level_with_at_most(GROUPS, shards);
        let fitting = (task_rows / shard_rows).max(1).ilog2();
        Self { shard_rows, shards, block_level: group_level.min(BLOCK_LEVEL).min(fitting), group_level }
    }
}

/// Ops whose columns a subject has.
fn applicable(subject: &Subject, ops: &[PlannedOp]) -> Vec<u32> {
    let has = |column: &String| match column.as_str() {
        "gold" => subject.dataset_facts.gold && subject.dataset_facts.sides == 2,
        "sentence" | "token_id" | "position" => subject.model.is_some(),
        "row" => true,
        _ => false,
    };
    (0..).zip(ops).filter(|(_, op)| op.columns.iter().all(has)).map(|(i, _)| i).collect()
}

fn refuse_unusable(subjects: &[Subject], ops: &[PlannedOp], found: &mut Vec<Violation>) {
    for (i, op) in (0..).zip(ops) {
        if op.space == 0 && !subjects.iter().any(|s| s.ops.contains(&i)) {
            let message = format!(
                "`{}` needs the columns {}; no dataset has them (for gold: two text columns and a gold column)",
                op.op.id,
                op.columns.join(", ")
            );
            found.push(Violation::new("dataset", message));
        }
    }
}
