//! From the generic tree of a TOML, YAML or JSON file to a [`Study`] that makes sense.

mod dataset;
mod measures;

use super::{DatasetSpec, Format, ModelAddress, ModelSpec, Study, Unit, keys};
use crate::violation::{Violation, Violations};
use serde_json::Value;
use std::collections::BTreeSet;

pub use dataset::CONLLU_FIELDS;

/// Name of the space of the empty chain.
pub const RAW: &str = "raw";

impl Study {
    /// Reads a study from the tree that a configuration reader yields.
    ///
    /// # Errors
    /// Every unknown key with the nearest known one, or the first value of a wrong type, or every contradiction found.
    pub fn from_value(value: Value) -> Result<Self, Violations> {
        let schema = schemars::schema_for!(Self).to_value();
        Violations::none_or(keys::unknown(&value, &schema), ())?;
        let study: Self =
            serde_json::from_value(value).map_err(|e| Violations(vec![Violation::new("", e.to_string())]))?;
        study.check()?;
        Ok(study)
    }

    /// Reports everything that contradicts itself or is missing.
    ///
    /// # Errors
    /// All violations at once.
    pub fn check(&self) -> Result<(), Violations> {
        let mut found = Vec::new();
        if self.name.trim().is_empty() {
            found.push(Violation::new("name", "a study needs a name"));
        }
        unique("model", self.model.iter().map(|m| &m.name), &mut found);
        for (i, model) in self.model.iter().enumerate() {
            check_model(model, &format!("model[{i}]"), &mut found);
        }
        unique("dataset", self.dataset.iter().map(|d| &d.name), &mut found);
        if self.dataset.is_empty() {
            found.push(Violation::new("dataset", "a study needs at least one [[dataset]]"));
        }
        for (i, dataset) in self.dataset.iter().enumerate() {
            self.check_dataset(dataset, &format!("dataset[{i}]"), &mut found);
        }
        self.check_measures(&mut found);
        for (i, enhancement) in self.enhancement.iter().enumerate() {
            if enhancement.id.is_none() {
                found.push(Violation::new(
                    format!("enhancement[{i}].id"),
                    "an enhancement needs an id, e.g. \"abtt\"",
                ));
            }
        }
        self.check_plan(&mut found);
        Violations::none_or(found, ())
    }

    fn check_dataset(&self, dataset: &DatasetSpec, path: &str, found: &mut Vec<Violation>) {
        let Some(format) = dataset.resolved_format() else {
            let message = format!(
                "the format of `{}` cannot be told from its name; add format = \"tsv\", \"csv\", \"jsonl\", \"txt\", \"conllu\" or \"npy\"",
                dataset.source
            );
            found.push(Violation::new(format!("{path}.format"), message));
            return;
        };
        for violation in dataset.contradictions(format) {
            found.push(Violation::new(format!("{path}.{}", violation.field), violation.message));
        }
        if format != Format::Npy && self.model.is_empty() {
            found.push(Violation::new("model", "text needs an encoder: add a [[model]]"));
        }
    }

    fn check_plan(&self, found: &mut Vec<Violation>) {
        if self.plan.shard_rows == Some(0) {
            found.push(Violation::new("plan.shard_rows", "must be at least 1"));
        }
        if self.plan.batch_tokens == Some(0) {
            found.push(Violation::new("plan.batch_tokens", "must be at least 1"));
        }
        if self.representation.layers.is_none() {
            found.push(Violation::new("representation.layers", measures::NO_LAYER));
        }
        if self.representation.max_tokens.is_some_and(|most| most < 3) {
            found.push(Violation::new(
                "representation.max_tokens",
                "must leave room for a token between the special ones",
            ));
        }
    }
}

fn check_model(model: &ModelSpec, path: &str, found: &mut Vec<Violation>) {
    match ModelAddress::parse(&model.source) {
        Err(error) => found.push(Violation::new(format!("{path}.source"), error.to_string())),
        Ok(address) if address.random_seed.is_some() && model.base.is_some() => {
            let message = "an encoder whose weights are drawn has no base; the key is for adapters";
            found.push(Violation::new(format!("{path}.base"), message));
        }
        Ok(_) => {}
    }
    match model.base.as_deref().map(ModelAddress::parse) {
        Some(Err(error)) => found.push(Violation::new(format!("{path}.base"), error.to_string())),
        Some(Ok(address)) if address.random_seed.is_some() => {
            let message = "an adapter is trained on a checkpoint, not on weights that are drawn";
            found.push(Violation::new(format!("{path}.base"), message));
        }
        _ => {}
    }
}

impl Unit {
    /// The name used in files and rows.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Word => "word",
            Self::Sentence => "sentence",
        }
    }
}

fn unique<'a>(list: &str, names: impl Iterator<Item = &'a String>, found: &mut Vec<Violation>) {
    let mut seen = BTreeSet::new();
    for (i, name) in names.enumerate() {
        if name.trim().is_empty() {
            found.push(Violation::new(format!("{list}[{i}].name"), "must not be empty"));
        } else if !seen.insert(name) {
            found.push(Violation::new(format!("{list}[{i}].name"), format!("`{name}` is used twice")));
        }
    }
}

#[cfg(test)]
mod tests;
