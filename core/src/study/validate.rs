//! From the generic tree of a TOML, YAML or JSON file to a [`Study`] that makes sense.

use super::{DatasetSpec, Format, Layers, Study, Unit, keys};
use crate::violation::{Violation, Violations};
use serde_json::Value;
use std::collections::BTreeSet;

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
        unique("dataset", self.dataset.iter().map(|d| &d.name), &mut found);
        if self.dataset.is_empty() {
            found.push(Violation::new("dataset", "a study needs at least one [[dataset]]"));
        }
        for (i, dataset) in self.dataset.iter().enumerate() {
            self.check_dataset(dataset, &format!("dataset[{i}]"), &mut found);
        }
        if self.metric.is_empty() && self.evaluation.is_empty() {
            found.push(Violation::new("metric", "a study needs at least one [[metric]] or [[evaluation]]"));
        }
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
                "the format of `{}` cannot be told from its name; add format = \"tsv\", \"csv\", \"jsonl\", \"txt\" or \"npy\"",
                dataset.source
            );
            found.push(Violation::new(format!("{path}.format"), message));
            return;
        };
        let needs_columns = matches!(format, Format::Tsv | Format::Csv | Format::Jsonl);
        if needs_columns && dataset.text.is_empty() {
            found.push(Violation::new(
                format!("{path}.text"),
                "name the column (or the two columns) that hold the text",
            ));
        }
        if dataset.text.len() > 2 {
            found.push(Violation::new(
                format!("{path}.text"),
                "at most two text columns: one text, or a sentence pair",
            ));
        }
        if !needs_columns && dataset.gold.is_some() {
            found.push(Violation::new(
                format!("{path}.gold"),
                "this format has no columns and so no gold scores",
            ));
        }
        if format != Format::Npy && self.model.is_empty() {
            found.push(Violation::new("model", "text needs an encoder: add a [[model]]"));
        }
    }

    fn check_plan(&self, found: &mut Vec<Violation>) {
        if self.plan.shard_rows == Some(0) {
            found.push(Violation::new("plan.shard_rows", "must be at least 1"));
        }
        if self.plan.batch_tokens == 0 {
            found.push(Violation::new("plan.batch_tokens", "must be at least 1"));
        }
        if let Layers::Some(layers) = &self.representation.layers
            && layers.is_empty()
        {
            found.push(Violation::new("representation.layers", "name at least one layer, or \"all\""));
        }
        if self.representation.max_tokens.is_some_and(|most| most < 3) {
            found.push(Violation::new(
                "representation.max_tokens",
                "must leave room for a token between the special ones",
            ));
        }
    }
}

impl DatasetSpec {
    /// Returns the format as given, or as the extension of the source says.
    #[must_use]
    pub fn resolved_format(&self) -> Option<Format> {
        self.format.or_else(|| {
            let extension = self.source.rsplit_once('.')?.1.to_ascii_lowercase();
            Some(match extension.as_str() {
                "tsv" => Format::Tsv,
                "csv" => Format::Csv,
                "jsonl" | "ndjson" => Format::Jsonl,
                "txt" => Format::Txt,
                "npy" => Format::Npy,
                _ => return None,
            })
        })
    }
}

impl Unit {
    /// The name used in files and rows.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
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
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    fn valid() -> Value {
        json!({
            "name": "s",
            "model": [{"name": "pre", "source": "./m"}],
            "dataset": [{"name": "d", "source": "d.tsv", "text": ["a", "b"], "gold": "score"}],
            "representation": {"layers": [0, 6], "exclude": []},
            "enhancement": [{"id": "abtt", "components": 15}],
            "metric": [{"id": "partition"}],
        })
    }

    fn complaints(value: Value) -> Vec<String> {
        Study::from_value(value).unwrap_err().0.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_study_keeps_what_was_written() {
        let study = Study::from_value(valid()).unwrap();
        assert_eq!(study.representation.layers, Layers::Some(vec![0, 6]));
        assert!(study.representation.exclude.0.is_empty());
        assert_eq!(study.enhancement[0].params["components"], json!(15));
        assert_eq!(study.dataset[0].resolved_format(), Some(Format::Tsv));
        let again = Study::from_value(serde_json::to_value(&study).unwrap()).unwrap();
        assert_eq!(again, study);
    }

    #[test]
    fn every_unknown_key_is_reported_with_the_nearest_one() {
        let mut value = valid();
        value["representation"]["laeyrs"] = json!("all");
        value["dataset"][0]["txet"] = json!("a");
        value["zzz"] = json!(1);
        let found = complaints(value);
        assert!(
            found.iter().any(|m| m == "representation.laeyrs: unknown key; did you mean `layers`?"),
            "{found:?}"
        );
        assert!(found.iter().any(|m| m == "dataset[0].txet: unknown key; did you mean `text`?"), "{found:?}");
        assert!(found.iter().any(|m| m.starts_with("zzz: unknown key; known here: ")), "{found:?}");
    }

    #[test]
    fn all_contradictions_are_reported_at_once() {
        let value = json!({
            "name": " ",
            "dataset": [{"name": "d", "source": "d.bin"}, {"name": "d", "source": "e.csv"}],
            "plan": {"shard_rows": 0},
        });
        let fields: Vec<String> =
            Study::from_value(value).unwrap_err().0.into_iter().map(|violation| violation.field).collect();
        for field in
            ["name", "dataset[0].format", "dataset[1].name", "dataset[1].text", "metric", "plan.shard_rows"]
        {
            assert!(fields.iter().any(|f| f == field), "{field} is missing in {fields:?}");
        }
    }

    #[test]
    fn a_wrong_type_says_what_was_expected() {
        let mut value = valid();
        value["seed"] = json!("seven");
        assert!(complaints(value)[0].contains("expected u64"));
    }
}
