//! From the ids on the command line to entries of a study.

use crate::failure::Failure;
use isoscope_core::catalogue::{Kind, OpManifest, PluginFacts};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Similarity below which two ids are not thought to be the same.
const ALIKE: f64 = 0.7;

/// A list of a study, an id, and the ops of the list's kind that it selects.
type Selected<'a> = (&'static str, String, Vec<&'a OpManifest>);

/// What is there to measure.
pub(super) struct There<'a> {
    /// Ops of all plugins.
    pub(super) ops: Vec<&'a OpManifest>,
    /// Names of the columns of the rows.
    pub(super) columns: BTreeSet<&'a str>,
    /// Whether two matrices are compared.
    pub(super) two: bool,
    /// Parameters as given.
    pub(super) params: Map<String, Value>,
}

/// An entry of a study: the list it belongs to, and its id with parameters.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) list: &'static str,
    pub(super) entry: Map<String, Value>,
}

impl<'a> There<'a> {
    /// Lists the ops of all plugins.
    pub(super) fn new(
        plugins: &'a [PluginFacts],
        columns: BTreeSet<&'a str>,
        two: bool,
        params: Map<String, Value>,
    ) -> Self {
        let ops = plugins.iter().flat_map(|plugin| &plugin.manifest.ops).collect();
        Self { ops, columns, two, params }
    }

    /// Makes the entries of all ids; `all` stands for everything whose columns are there.
    pub(super) fn entries(&self, ids: &[String]) -> Result<Vec<Entry>, Failure> {
        let mut entries = Vec::new();
        let mut known = BTreeSet::new();
        for id in ids {
            let lists = if id == "all" { self.all() } else { self.lists(id)? };
            for (list, id, ops) in lists {
                let mut entry = self.known_params(&ops);
                known.extend(entry.keys().cloned());
                entry.insert("id".to_owned(), json!(id));
                entries.push(Entry { list, entry });
            }
        }
        if let Some(name) = self.params.keys().find(|name| !known.contains(*name)) {
            let message = format!("nothing that is measured has a parameter `{name}`");
            return Err(Failure::field("--param", message));
        }
        if entries.is_empty() {
            return Err(Failure::field("--metric", "no plugin offers anything to measure here"));
        }
        Ok(entries)
    }

    /// Every op on as many matrices whose columns are there.
    fn all(&self) -> Vec<Selected<'a>> {
        let (kind, list) = if self.two { (Kind::Comparison, "comparison") } else { (Kind::Metric, "metric") };
        let ops = self.ops.iter().filter(|op| op.kind == kind && self.suffices(op));
        ops.map(|op| (list, op.id.clone(), vec![*op])).collect()
    }

    /// Whether the rows have the columns that an op reads; `$NAME` is the one that its parameter `NAME` names.
    fn suffices(&self, op: &OpManifest) -> bool {
        op.columns.iter().all(|column| {
            let Some(parameter) = column.strip_prefix('$') else {
                return column == "row" || self.columns.contains(column.as_str());
            };
            let default = || op.params.pointer(&format!("/properties/{parameter}/default"));
            let named = self.params.get(parameter).or_else(default).and_then(Value::as_str);
            named.is_none_or(|name| name.is_empty() || self.columns.contains(name))
        })
    }

    /// The lists of a study that hold what an id selects.
    fn lists(&self, id: &str) -> Result<Vec<Selected<'a>>, Failure> {
        let selected = |kind: Kind| -> Vec<&'a OpManifest> {
            self.ops.iter().copied().filter(|op| op.kind == kind && op.selects(id).is_some()).collect()
        };
        let lists = [(Kind::Metric, "metric"), (Kind::Evaluation, "evaluation"), (Kind::Probe, "probe")];
        let single = lists.map(|(kind, list)| (list, id.to_owned(), selected(kind)));
        let single: Vec<_> = single.into_iter().filter(|(_, _, ops)| !ops.is_empty()).collect();
        let compared = selected(Kind::Comparison);
        match (self.two, single.is_empty(), compared.is_empty()) {
            (false, false, _) => Ok(single),
            (true, _, false) => Ok(vec![("comparison", id.to_owned(), compared)]),
            (false, true, false) => {
                let message = format!("`{id}` compares two matrices; name a second one behind the first");
                Err(Failure::field("--metric", message))
            }
            (true, false, true) => {
                let message = format!(
                    "`{id}` measures one matrix, but two are compared here; measure each matrix with a command of its own"
                );
                Err(Failure::field("--metric", message))
            }
            (_, true, true) => Err(Failure::field("--metric", self.unknown(id))),
        }
    }

    /// Says that nothing has an id, and which one is most like it.
    fn unknown(&self, id: &str) -> String {
        let known = self.ops.iter().filter(|op| op.kind != Kind::Enhancement);
        let ids =
            known.flat_map(|op| std::iter::once(&op.id).chain(op.outputs.iter().map(|output| &output.id)));
        let near = ids
            .map(|known| (strsim::jaro_winkler(id, known), known))
            .filter(|(similarity, _)| *similarity >= ALIKE)
            .max_by(|(a, _), (b, _)| a.total_cmp(b));
        match near {
            Some((_, near)) => format!("no plugin offers `{id}`; did you mean `{near}`?"),
            None => format!("no plugin offers `{id}`; `isoscope metrics list` shows what there is"),
        }
    }

    /// The parameters that one of the ops knows.
    fn known_params(&self, ops: &[&OpManifest]) -> Map<String, Value> {
        let known = |name: &str| ops.iter().any(|op| knows(op, name));
        let params = self.params.iter().filter(|(name, _)| known(name));
        params.map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

/// Whether an op has a parameter of this name, or one with this other name.
fn knows(op: &OpManifest, name: &str) -> bool {
    let properties = op.params.get("properties").and_then(Value::as_object);
    properties.into_iter().flatten().any(|(known, schema)| {
        let aliases = schema.get("x-aliases").and_then(Value::as_array);
        known == name || aliases.into_iter().flatten().any(|alias| alias.as_str() == Some(name))
    })
}
