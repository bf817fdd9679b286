//! Contradictions inside one `[[dataset]]`.

use crate::study::{DatasetSpec, Format, nearest};
use crate::violation::Violation;
use std::collections::BTreeSet;

/// Fields of a word of a `conllu` file that rows can take along.
pub const CONLLU_FIELDS: [&str; 5] = ["form", "lemma", "upos", "xpos", "deprel"];

/// Columns that rows have by themselves or by a key of their own.
const RESERVED: [&str; 10] =
    ["row", "sentence", "token_id", "position", "gold", "label", "word", "split", "head", "frequency"];
/// Those that may be attached to rows of text.
const ATTACHED_TO_TEXT: [&str; 3] = ["gold", "label", "split"];

impl Format {
    /// The name as a study writes it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Tsv => "tsv",
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
            Self::Txt => "txt",
            Self::Conllu => "conllu",
            Self::Npy => "npy",
        }
    }

    /// Tells whether rows have fields that the study names.
    #[must_use]
    pub fn has_fields(self) -> bool {
        matches!(self, Self::Tsv | Self::Csv | Self::Jsonl)
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
                "conllu" => Format::Conllu,
                "npy" => Format::Npy,
                _ => return None,
            })
        })
    }

    /// Reports what contradicts itself in the dataset, or has no meaning for a file of this format. Fields are named from
    /// the dataset on, and a message can be read behind its field.
    #[must_use]
    pub fn contradictions(&self, format: Format) -> Vec<Violation> {
        let mut found: Vec<Violation> = self
            .meaningless(format)
            .into_iter()
            .map(|key| Violation::new(key, format!("has no meaning for a {} file; remove it", format.name())))
            .collect();
        if format.has_fields() && !(1..=2).contains(&self.text.len()) {
            let message = format!("names {} columns; name one, or two for sentence pairs", self.text.len());
            found.push(Violation::new("text", message));
        }
        self.check_names(format, &mut found);
        self.check_attached(format, &mut found);
        if self.train.is_some() && (self.split.is_some() || self.attach.contains_key("split")) {
            found.push(Violation::new(
                "train",
                "contradicts `split`: the parts lie in two files or in one column; keep one of the two",
            ));
        }
        if self.train.as_ref() == Some(&self.source) {
            found.push(Violation::new("train", "is the source itself; name the file of the training part"));
        }
        found
    }

    /// Names of the columns that rows of a file of this format have beyond those that every row of text has (row, sentence,
    /// token id, position), in order; of a matrix all but the row.
    #[must_use]
    pub fn columns_of(&self, format: Format) -> Vec<String> {
        let mut names: BTreeSet<&str> = self.attach.keys().chain(&self.carry).map(String::as_str).collect();
        names.extend(self.word_columns_of(format));
        let keys = [
            ("gold", self.gold.is_some()),
            ("label", self.label.is_some()),
            ("split", self.split.is_some() || self.train.is_some()),
        ];
        names.extend(keys.into_iter().filter(|(_, given)| *given).map(|(name, _)| name));
        names.into_iter().map(str::to_owned).collect()
    }

    /// Names of those columns that belong to words, in order: rows that are sentences do not have them.
    #[must_use]
    pub fn word_columns_of(&self, format: Format) -> Vec<&str> {
        let mut names: BTreeSet<&str> = BTreeSet::new();
        if format != Format::Npy {
            names.insert("word");
        }
        if format == Format::Conllu {
            names.extend(self.carry.iter().map(String::as_str).chain(["head"]));
            names.extend(self.label.as_ref().map(|_| "label"));
        }
        names.extend(self.frequency.as_ref().map(|_| "frequency"));
        names.into_iter().collect()
    }

    /// Keys that the format gives no meaning to.
    fn meaningless(&self, format: Format) -> Vec<&'static str> {
        let fields = format.has_fields();
        let keys = [
            ("text", !fields && !self.text.is_empty()),
            ("gold", !fields && self.gold.is_some()),
            ("columns", !matches!(format, Format::Tsv | Format::Csv) && self.columns.is_some()),
            ("label", !fields && format != Format::Conllu && self.label.is_some()),
            ("carry", !fields && format != Format::Conllu && !self.carry.is_empty()),
            ("split", !fields && self.split.is_some()),
        ];
        keys.into_iter().filter(|(_, given)| *given).map(|(key, _)| key).collect()
    }

    /// The names that rows get from `label` and `carry`.
    fn check_names(&self, format: Format, found: &mut Vec<Violation>) {
        let mut seen = BTreeSet::new();
        for (i, name) in self.carry.iter().enumerate() {
            let field = format!("carry[{i}]");
            if !seen.insert(name) {
                found.push(Violation::new(field, format!("names `{name}` a second time; remove it")));
            } else if RESERVED.contains(&name.as_str()) {
                let message = if matches!(name.as_str(), "gold" | "label" | "split") {
                    format!("is a column with a key of its own; write {name} = \"{name}\" instead")
                } else {
                    format!("names `{name}`, a column that rows have already; rename it in the file")
                };
                found.push(Violation::new(field, message));
            }
        }
        if format != Format::Conllu {
            return;
        }
        let carried = self.carry.iter().enumerate().map(|(i, name)| (format!("carry[{i}]"), name));
        for (field, name) in self.label.iter().map(|name| ("label".to_owned(), name)).chain(carried) {
            if !CONLLU_FIELDS.contains(&name.as_str()) {
                let near = nearest(name, CONLLU_FIELDS.into_iter());
                let hint = near.map(|near| format!(" (did you mean `{near}`?)")).unwrap_or_default();
                let message = format!(
                    "names no field of a word: `{name}`{hint}; known are {}",
                    CONLLU_FIELDS.join(", ")
                );
                found.push(Violation::new(field, message));
            }
        }
    }

    fn check_attached(&self, format: Format, found: &mut Vec<Violation>) {
        for (name, file) in &self.attach {
            let field = format!("attach.{name}");
            let given = match name.as_str() {
                "gold" => self.gold.is_some(),
                "label" => self.label.is_some(),
                "split" => self.split.is_some(),
                "frequency" => self.frequency.is_some(),
                _ => self.carry.contains(name),
            };
            if name.trim().is_empty() || name.starts_with('$') {
                found.push(Violation::new(field, "is no name of a column; give it one"));
            } else if file.trim().is_empty() {
                found.push(Violation::new(field, "names no file"));
            } else if name == "row" {
                found.push(Violation::new(
                    field,
                    "is the number of the row, which is counted; use another name",
                ));
            } else if given {
                let message =
                    format!("is a second column `{name}`: the file has one already; keep one of the two");
                found.push(Violation::new(field, message));
            } else if format != Format::Npy
                && RESERVED.contains(&name.as_str())
                && !ATTACHED_TO_TEXT.contains(&name.as_str())
            {
                let message =
                    format!("is a column that rows of text have by themselves: `{name}`; use another name");
                found.push(Violation::new(field, message));
            } else if format == Format::Conllu && name == "gold" {
                found
                    .push(Violation::new(field, "is a score of sentence pairs, which a conllu file has not"));
            }
        }
        if format == Format::Npy && self.frequency.is_some() && !self.attach.contains_key("word") {
            found.push(Violation::new(
                "frequency",
                "is looked up by word; attach the words of the rows: attach.word = \"FILE\"",
            ));
        }
    }
}
