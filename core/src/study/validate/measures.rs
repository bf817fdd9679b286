//! Contradictions between what is measured and what there is to measure it on.

use crate::study::{ComparisonSpec, DatasetSpec, Format, LayerPairs, Layers, MetricSpec, Study, nearest};
use crate::violation::Violation;
use std::collections::BTreeSet;

/// Complaint about an empty list of layers.
pub(super) const NO_LAYER: &str = "name at least one layer, \"last\" or \"all\"";

impl Layers {
    /// Tells whether no layer is named.
    pub(super) fn is_none(&self) -> bool {
        matches!(self, Self::Some(layers) if layers.is_empty())
    }
}

impl Study {
    /// Checks metrics, evaluations, probes, comparisons and statistics.
    pub(super) fn check_measures(&self, found: &mut Vec<Violation>) {
        let lists = [("metric", &self.metric), ("evaluation", &self.evaluation), ("probe", &self.probe)];
        if lists.iter().all(|(_, list)| list.is_empty()) && self.comparison.is_empty() {
            let message =
                "a study needs at least one [[metric]], [[evaluation]], [[probe]] or [[comparison]]";
            found.push(Violation::new("metric", message));
        }
        for (name, list) in lists {
            for (i, spec) in list.iter().enumerate() {
                self.check_groups(name, i, spec, found);
            }
        }
        if !self.probe.is_empty() && !self.dataset.iter().any(can_be_probed) {
            let message = "no dataset has labelled rows in two parts; give one a `label` or `gold`, and a `train` file or a \
                           `split` column";
            found.push(Violation::new("probe", message));
        }
        for (i, comparison) in self.comparison.iter().enumerate() {
            self.check_comparison(&format!("comparison[{i}]"), comparison, found);
        }
        if let Some(baseline) = &self.statistics.baseline
            && !self.model.iter().any(|model| model.name == *baseline)
        {
            let names = self.model.iter().map(|model| model.name.as_str());
            found.push(Violation::new("statistics.baseline", unknown("encoder", baseline, names)));
        }
    }

    fn check_groups(&self, list: &str, i: usize, spec: &MetricSpec, found: &mut Vec<Violation>) {
        let field = |key: &str| format!("{list}[{i}].{key}");
        if spec.layers.as_ref().is_some_and(Layers::is_none) {
            found.push(Violation::new(field("layers"), NO_LAYER));
        }
        let Some(by) = &spec.by else {
            if spec.min_group.is_some() {
                found.push(Violation::new(
                    field("min_group"),
                    "has no meaning without `by`; add it, or remove this",
                ));
            }
            return;
        };
        if list != "metric" {
            found.push(Violation::new(field("by"), "only a [[metric]] is reported by group; remove it"));
            return;
        }
        if spec.min_group == Some(0) {
            found.push(Violation::new(field("min_group"), "must be at least 1"));
        }
        let known: BTreeSet<String> = self.dataset.iter().flat_map(columns_to_group_by).collect();
        if !known.contains(by) {
            let message = match by.as_str() {
                "label" => "no dataset has a label; name its column in `label`".to_owned(),
                "frequency" => "no dataset has word frequencies; name their table in `frequency`".to_owned(),
                _ => format!(
                    "{}; a dataset takes columns along by `carry`",
                    unknown("column", by, known.iter().map(String::as_str))
                ),
            };
            found.push(Violation::new(field("by"), message));
        }
    }

    fn check_comparison(&self, path: &str, spec: &ComparisonSpec, found: &mut Vec<Violation>) {
        for key in ["by", "spaces", "min_group"].into_iter().filter(|key| spec.params.contains_key(*key)) {
            let message = "a comparison is made once, between all rows of the raw spaces; remove it";
            found.push(Violation::new(format!("{path}.{key}"), message));
        }
        let matrices = self.dataset.iter().filter(|dataset| is_matrix(dataset)).count();
        let of_matrices = match &spec.between {
            None if self.model.len() == 2 => false,
            None if self.model.is_empty() && matrices == 2 => true,
            None => {
                let message = format!(
                    "name the two encoders or matrices to compare: the study has {} encoders and {matrices} matrices",
                    self.model.len()
                );
                found.push(Violation::new(format!("{path}.between"), message));
                return;
            }
            Some(names) => match self.check_pair(names) {
                Ok(of_matrices) => of_matrices,
                Err(message) => {
                    found.push(Violation::new(format!("{path}.between"), message));
                    return;
                }
            },
        };
        if of_matrices && spec.layers == LayerPairs::All {
            found.push(Violation::new(format!("{path}.layers"), "a matrix has one layer; remove it"));
        }
        if !of_matrices && self.dataset.iter().all(is_matrix) {
            found.push(Violation::new(path, "two encoders are compared on text; add a [[dataset]] of text"));
        }
    }

    /// Tells whether the two are matrices, or what is wrong with them.
    fn check_pair(&self, names: &[String; 2]) -> Result<bool, String> {
        let [a, b] = names;
        if a == b {
            return Err(format!("`{a}` is named twice; name two different ones"));
        }
        let models = || self.model.iter().map(|model| model.name.as_str());
        let is_model = |name: &String| models().any(|known| known == name);
        match (is_model(a), is_model(b)) {
            (true, true) => return Ok(false),
            (true, false) => return Err(unknown("encoder", b, models())),
            (false, true) => return Err(unknown("encoder", a, models())),
            (false, false) => {}
        }
        for name in names {
            let Some(dataset) = self.dataset.iter().find(|dataset| dataset.name == *name) else {
                let all =
                    models().chain(self.dataset.iter().filter(|d| is_matrix(d)).map(|d| d.name.as_str()));
                return Err(unknown("encoder or matrix", name, all));
            };
            if !is_matrix(dataset) {
                return Err(format!("`{name}` is text; compare two encoders on it, or two matrices"));
            }
        }
        Ok(true)
    }
}

fn is_matrix(dataset: &DatasetSpec) -> bool {
    dataset.resolved_format() == Some(Format::Npy)
}

/// Whether a dataset has a training part and something to be learnt: a label, a gold score, heads of words, or any column beside the
/// text.
fn can_be_probed(dataset: &DatasetSpec) -> bool {
    let parted = dataset.train.is_some() || dataset.split.is_some() || dataset.attach.contains_key("split");
    let labelled = dataset.label.is_some()
        || dataset.gold.is_some()
        || !dataset.carry.is_empty()
        || dataset.attach.keys().any(|name| name != "split")
        || dataset.resolved_format() == Some(Format::Conllu);
    parted && labelled
}

fn columns_to_group_by(dataset: &DatasetSpec) -> Vec<String> {
    let Some(format) = dataset.resolved_format() else { return Vec::new() };
    let mut names = dataset.columns_of(format);
    if format != Format::Npy {
        names.extend(["sentence", "token_id", "position"].map(str::to_owned));
    }
    names
}

fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    if let Some(near) = nearest(name, known.clone()) {
        return format!("there is no {what} `{name}`; did you mean `{near}`?");
    }
    let listed = known.collect::<Vec<_>>().join(", ");
    let listed = if listed.is_empty() { "none".to_owned() } else { listed };
    format!("there is no {what} `{name}`; known here: {listed}")
}
