//! The names of an adapter's tensors: which module each belongs to, and what it is there.

use std::collections::BTreeMap;

/// What peft puts before the path of every module.
const ROOT: &str = "base_model.model.";

/// The tensors of an adapter, as they are stored, by what they are for.
#[derive(Debug, Default, PartialEq)]
pub(super) struct StoredParts {
    /// Updates by the path of their module.
    pub(super) updates: BTreeMap<String, StoredUpdate>,
    /// Tensors that replace one of the model, by the name of that.
    pub(super) whole: BTreeMap<String, String>,
}

/// The names of the tensors of one update.
#[derive(Debug, Default, PartialEq)]
pub(super) struct StoredUpdate {
    pub(super) a: Option<String>,
    pub(super) b: Option<String>,
    /// Whether the module is a table of embeddings.
    pub(super) is_table: bool,
    pub(super) magnitude: Option<String>,
}

impl StoredUpdate {
    /// Any tensor of the update, for errors.
    pub(super) fn any(&self) -> &str {
        let all = [&self.a, &self.b, &self.magnitude];
        all.into_iter().flatten().next().map_or("", String::as_str)
    }
}

impl StoredParts {
    /// Sorts names; returns the first that is of no known kind as an error.
    pub(super) fn of(names: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut parts = Self::default();
        for stored in names {
            let Some(name) = stored.strip_prefix(ROOT) else { return Err(stored) };
            if !parts.sort(name, &stored) {
                return Err(stored);
            }
        }
        Ok(parts)
    }

    fn sort(&mut self, name: &str, stored: &str) -> bool {
        let Some((module, kind)) = name.split_once(".lora_") else { return self.sort_whole(name, stored) };
        let update = self.updates.entry(module.to_owned()).or_default();
        let (place, is_table) = match kind {
            "A.weight" => (&mut update.a, false),
            "B.weight" => (&mut update.b, false),
            "embedding_A" => (&mut update.a, true),
            "embedding_B" => (&mut update.b, true),
            "magnitude_vector" | "magnitude_vector.weight" => (&mut update.magnitude, update.is_table),
            _ => return false,
        };
        update.is_table = is_table;
        // A module cannot be dense and a table.
        place.replace(stored.to_owned()).is_none()
    }

    /// A tensor saved whole; peft wraps the modules of some.
    fn sort_whole(&mut self, name: &str, stored: &str) -> bool {
        // What was replaced, and is replaced here, too.
        if name.contains(".original_module.") {
            return true;
        }
        if name.contains(".modules_to_save.") {
            // Biases may be there twice, under both names, and are the same then.
            self.whole.entry(name.replace(".modules_to_save.", ".")).or_insert_with(|| stored.to_owned());
            return true;
        }
        let known = self.whole.insert(name.replace(".base_layer.", "."), stored.to_owned());
        known.is_none_or(|known| known.contains(".modules_to_save."))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_tell_modules_and_kinds() {
        let names = [
            "base_model.model.bert.layer.0.query.lora_A.weight",
            "base_model.model.bert.layer.0.query.lora_B.weight",
            "base_model.model.bert.layer.0.query.lora_magnitude_vector",
            "base_model.model.bert.layer.0.query.base_layer.bias",
            "base_model.model.bert.words.lora_embedding_A",
            "base_model.model.bert.words.lora_embedding_B",
            "base_model.model.classifier.modules_to_save.weight",
            "base_model.model.classifier.original_module.bias",
        ];
        let parts = StoredParts::of(names.iter().map(|name| (*name).to_owned())).unwrap();
        let query = &parts.updates["bert.layer.0.query"];
        assert_eq!((query.a.as_deref(), query.b.as_deref()), (Some(names[0]), Some(names[1])));
        assert_eq!((query.magnitude.as_deref(), query.is_table), (Some(names[2]), false));
        assert!(parts.updates["bert.words"].is_table);
        let whole: Vec<&str> = parts.whole.keys().map(String::as_str).collect();
        assert_eq!(whole, ["bert.layer.0.query.bias", "classifier.weight"]);
    }

    #[test]
    fn kinds_that_are_not_known_are_returned() {
        for name in ["base_model.model.query.lora_B.bias", "query.lora_A.weight"] {
            assert_eq!(StoredParts::of([name.to_owned()].into_iter()), Err(name.to_owned()));
        }
    }
}
