//! From the ids that a user writes to ops of the catalogue.

use super::spaces::Step;
use super::{OpRef, PlannedOp, Space, canonical, params, sample};
use crate::catalogue::{Kind, Needs, OpManifest, PluginFacts, Selection};
use crate::study::{EnhancementSpec, MetricSpec, Params, Step as StepSpec, nearest};
use crate::violation::Violation;

/// Ops of a kind that `id` selects, with the plugin of each and what of its output is wanted.
fn matching<'a>(
    plugins: &'a [PluginFacts],
    kinds: &[Kind],
    id: &str,
) -> Vec<(&'a PluginFacts, &'a OpManifest, Selection)> {
    let ops = plugins.iter().flat_map(|p| p.manifest.ops.iter().map(move |op| (p, op)));
    ops.filter(|(_, op)| kinds.contains(&op.kind))
        .filter_map(|(p, op)| Some((p, op, op.selects(id)?)))
        .collect()
}

/// Fewest rows of a group that is reported, when the study does not say.
const MIN_GROUP: u64 = 5;

/// Plans an entry of `[[metric]]` or one of its like in every space it is wanted in.
pub(super) fn metric(
    plugins: &[PluginFacts],
    kind: Kind,
    spec: &MetricSpec,
    spaces: &[Space],
    path: &str,
    found: &mut Vec<Violation>,
) -> Vec<PlannedOp> {
    let mut matches = matching(plugins, &[kind], &spec.id);
    if matches.is_empty() {
        found.push(Violation::new(format!("{path}.id"), unknown_id(plugins, &[kind], &spec.id)));
        return Vec::new();
    }
    if spec.by.is_some() {
        // Of a family only the ops on moments have values for groups.
        matches.retain(|(_, op, _)| op.needs == Needs::Moments);
        if matches.is_empty() {
            let message =
                format!("`{}` is no metric on moments, so it has no values for groups of rows", spec.id);
            found.push(Violation::new(format!("{path}.by"), message));
            return Vec::new();
        }
    }
    let ops: Vec<&OpManifest> = matches.iter().map(|(_, op, _)| *op).collect();
    params::check(&ops, &spec.params, path, found);
    for name in spec.spaces.iter().flatten() {
        if !spaces.iter().any(|s| s.name == *name) {
            let known: Vec<&str> = spaces.iter().map(|s| s.name.as_str()).collect();
            let message = format!("there is no space `{name}`; spaces: {}", known.join(", "));
            found.push(Violation::new(format!("{path}.spaces"), message));
        }
    }
    let wanted = |space: &Space| spec.spaces.as_ref().is_none_or(|names| names.contains(&space.name));
    let mut planned = Vec::new();
    for (i, space) in spaces.iter().enumerate().filter(|(_, s)| wanted(s)) {
        for (plugin, op, selection) in &matches {
            planned.push(PlannedOp {
                op: reference(plugin, op, &params::known_to(op, &spec.params)),
                kind: op.kind,
                needs: op.needs,
                parts: op.parts.clone(),
                columns: columns(op, &spec.params),
                space: i as u32,
                node: space.node,
                layers: spec.layers.clone(),
                by: spec.by.clone(),
                min_group: spec.min_group.unwrap_or(MIN_GROUP),
                sample_rows: (op.needs == Needs::Sample).then(|| sample::rows(op, &spec.params, path, found)),
                sample: None,
                pairing: None,
                selected_by: vec![spec.id.clone()],
                selections: vec![selection.clone()],
                measured: None,
                pass: None,
            });
        }
    }
    planned
}

/// Columns that an op reads: `$group` is the one that the parameter `group` names, as written or by default.
fn columns(op: &OpManifest, params: &Params) -> Vec<String> {
    let named = |parameter: &str| {
        let written =
            params.get(parameter).or_else(|| op.params.pointer(&format!("/properties/{parameter}/default")));
        written.and_then(serde_json::Value::as_str).filter(|column| !column.is_empty()).map(str::to_owned)
    };
    let resolve = |column: &String| match column.strip_prefix('$') {
        Some(parameter) => named(parameter),
        None => Some(column.clone()),
    };
    op.columns.iter().filter_map(resolve).collect()
}

/// Adds planned ops to a list, joining what is wanted of the same op in the same space.
pub(super) fn join(into: &mut Vec<PlannedOp>, more: Vec<PlannedOp>) {
    for op in more {
        let same = |known: &&mut PlannedOp| {
            known.op == op.op
                && (known.space, &known.layers, &known.by, &known.pairing)
                    == (op.space, &op.layers, &op.by, &op.pairing)
        };
        match into.iter_mut().find(same) {
            Some(known) => {
                known.selections.extend(op.selections);
                known.selections.dedup();
                known.selected_by.extend(op.selected_by);
            }
            None => into.push(op),
        }
    }
}

/// Resolves the steps of an `[[enhancement]]` entry, first to last.
pub(super) fn chain(
    plugins: &[PluginFacts],
    spec: &EnhancementSpec,
    path: &str,
    found: &mut Vec<Violation>,
) -> Vec<Step> {
    let first = spec.id.clone().map(|id| StepSpec { id, params: spec.params.clone() });
    let steps = first.into_iter().chain(spec.then.iter().cloned());
    steps.filter_map(|step| resolve(plugins, &step.id, &step.params, path, found)).collect()
}

fn resolve(
    plugins: &[PluginFacts],
    id: &str,
    written: &Params,
    path: &str,
    found: &mut Vec<Violation>,
) -> Option<Step> {
    let kinds = [Kind::Enhancement];
    let hit = matching(plugins, &kinds, id).into_iter().find(|(_, op, _)| op.id == id);
    let Some((plugin, op, _)) = hit else {
        found.push(Violation::new(format!("{path}.id"), unknown_id(plugins, &kinds, id)));
        return None;
    };
    params::check(&[op], written, path, found);
    if matches!(op.needs, Needs::MomentsThenRows | Needs::Sample) {
        let message =
            format!("`{id}` is no enhancement that can be fitted: it needs neither moments nor rows alone");
        found.push(Violation::new(format!("{path}.id"), message));
        return None;
    }
    Some(Step {
        op: reference(plugin, op, written),
        needs: op.needs,
        parts: op.parts.clone(),
        affine: op.affine,
    })
}

fn reference(plugin: &PluginFacts, op: &OpManifest, params: &Params) -> OpRef {
    OpRef {
        plugin: plugin.manifest.id.clone(),
        plugin_version: plugin.manifest.version.clone(),
        plugin_digest: plugin.digest.clone(),
        id: op.id.clone(),
        definition: op.version,
        params: canonical(params),
    }
}

fn unknown_id(plugins: &[PluginFacts], kinds: &[Kind], id: &str) -> String {
    let ops = || plugins.iter().flat_map(|p| &p.manifest.ops).filter(|op| kinds.contains(&op.kind));
    let names = || {
        ops().flat_map(|op| std::iter::once(op.id.as_str()).chain(op.outputs.iter().map(|o| o.id.as_str())))
    };
    if let Some(near) = nearest(id, names()) {
        return format!("no plugin offers `{id}`; did you mean `{near}`?");
    }
    let known: Vec<&str> = ops().map(|op| op.id.as_str()).collect();
    format!("no plugin offers `{id}`; offered: {}", known.join(", "))
}
