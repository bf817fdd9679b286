//! Builds a plan from a study and the facts about its sources.

use super::spaces::{SpaceNode, descend};
use super::{Pairing, Plan, PlannedOp, Space, Subject, pairing, sample, select, stages, subjects, unusable};
use crate::catalogue::{Kind, PluginFacts};
use crate::facts::Facts;
use crate::study::{EnhancementSpec, MetricSpec, RAW, Study};
use crate::violation::{Violation, Violations};

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
        let mut subjects = subjects::plan(study, facts, &mut found);
        for pairing in pairings(&ops) {
            subjects.extend(pairing::subjects(study, facts, pairing, &mut found));
        }
        let give = |subjects: &mut Vec<Subject>, ops: &[PlannedOp]| {
            for subject in subjects {
                subject.ops = subjects::applicable(study, subject, ops);
            }
        };
        give(&mut subjects, &ops);
        let left_out = unusable::take_out(&subjects, &mut ops, &mut found);
        Violations::none_or(found, ())?;
        give(&mut subjects, &ops);
        subjects.retain(|subject| !subject.ops.is_empty());
        let passes = stages::assign(&mut nodes, &mut ops);
        let samples = sample::assign(&mut ops);
        let numerics_class = facts.numerics_class.clone();
        Ok(Self {
            study: study.clone(),
            numerics_class,
            subjects,
            nodes,
            spaces,
            ops,
            samples,
            stages: passes,
            left_out,
        })
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
    let entries: [(&str, Kind, &[MetricSpec]); 3] = [
        ("metric", Kind::Metric, &study.metric),
        ("evaluation", Kind::Evaluation, &study.evaluation),
        ("probe", Kind::Probe, &study.probe),
    ];
    for (key, kind, specs) in entries {
        for (i, spec) in specs.iter().enumerate() {
            let path = format!("{key}[{i}]");
            select::join(&mut ops, select::metric(plugins, kind, spec, spaces, &path, found));
        }
    }
    for (i, spec) in study.comparison.iter().enumerate() {
        let path = format!("comparison[{i}]");
        if let Some(pairing) = pairing::resolve(study, spec, &path, found) {
            let entry = MetricSpec {
                id: spec.id.clone(),
                spaces: Some(vec![RAW.to_owned()]),
                layers: None,
                by: None,
                min_group: None,
                params: spec.params.clone(),
            };
            let mut planned = select::metric(plugins, Kind::Comparison, &entry, spaces, &path, found);
            for op in &mut planned {
                op.pairing = Some(pairing.clone());
            }
            select::join(&mut ops, planned);
        }
    }
    ops
}

/// Who meets whom in the comparisons, each once.
fn pairings(ops: &[PlannedOp]) -> Vec<&Pairing> {
    let mut pairings: Vec<&Pairing> = Vec::new();
    for pairing in ops.iter().filter_map(|op| op.pairing.as_ref()) {
        if !pairings.contains(&pairing) {
            pairings.push(pairing);
        }
    }
    pairings
}
