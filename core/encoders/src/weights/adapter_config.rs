//! The `adapter_config.json` of an adapter in the format of peft.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use regex::Regex;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::adapter_error::AdapterError;
use crate::error::EncoderError;
use crate::files;

const FILE: &str = "adapter_config.json";
/// Fields that say how an adapter was trained or where it comes from, and change nothing of what it computes. `fan_in_fan_out` is for
/// layers that store their weights turned; dense layers do not, and peft ignores it for them.
const INERT: [&str; 18] = [
    "auto_mapping",
    "base_model_name_or_path",
    "bias",
    "corda_config",
    "ensure_weight_tying",
    "eva_config",
    "exclude_modules",
    "fan_in_fan_out",
    "inference_mode",
    "layers_pattern",
    "layers_to_transform",
    "lora_dropout",
    "megatron_core",
    "peft_version",
    "qalora_group_size",
    "revision",
    "target_modules",
    "task_type",
];
/// Values of `init_lora_weights` that leave the weights of the base as they are.
const PLAIN_STARTS: [&str; 3] = ["gaussian", "eva", "orthogonal"];

#[derive(Deserialize)]
struct RawConfig {
    peft_type: String,
    #[serde(default = "usual")]
    r: usize,
    #[serde(default = "usual_alpha")]
    lora_alpha: f64,
    #[serde(default)]
    use_rslora: bool,
    #[serde(default)]
    use_dora: bool,
    #[serde(default, deserialize_with = "or_default")]
    rank_pattern: BTreeMap<String, usize>,
    #[serde(default, deserialize_with = "or_default")]
    alpha_pattern: BTreeMap<String, f64>,
    #[serde(default, deserialize_with = "or_default")]
    modules_to_save: Vec<String>,
    #[serde(default)]
    init_lora_weights: Value,
    #[serde(flatten)]
    others: BTreeMap<String, Value>,
}

fn usual() -> usize {
    8
}

fn usual_alpha() -> f64 {
    8.0
}

fn or_default<'de, T: Deserialize<'de> + Default, D: Deserializer<'de>>(value: D) -> Result<T, D::Error> {
    Option::deserialize(value).map(Option::unwrap_or_default)
}

/// The settings that decide what an adapter computes.
pub(super) struct AdapterConfig {
    path: PathBuf,
    rank: usize,
    alpha: f64,
    rank_stabilised: bool,
    /// Whether every update has magnitudes (`DoRA`).
    pub(super) magnitudes: bool,
    ranks: Vec<(Regex, usize)>,
    alphas: Vec<(Regex, f64)>,
    /// Modules whose tensors are saved whole.
    saved: Vec<String>,
}

/// Tells whether a directory holds an adapter.
pub(crate) fn is_adapter(dir: &Path) -> bool {
    // A checkpoint into which an adapter was merged may have kept the file.
    let merged =
        || dir.join("model.safetensors").is_file() && !dir.join("adapter_model.safetensors").is_file();
    dir.join(FILE).is_file() && !merged()
}

/// Returns the directory of the base that an adapter names: an absolute one, or one relative to the adapter.
///
/// # Errors
/// [`AdapterError::NoBase`] when it names none, or what it names is no directory.
pub(crate) fn named_base(dir: &Path) -> Result<PathBuf, EncoderError> {
    let named = base_name(dir)?;
    match named.as_ref().map(|named| dir.join(named)).filter(|base| base.is_dir()) {
        Some(base) => Ok(base),
        None => Err(AdapterError::NoBase { path: dir.join(FILE), named }.into()),
    }
}

/// Returns what an adapter names as its base, be it a directory or not.
pub(crate) fn base_name(dir: &Path) -> Result<Option<String>, EncoderError> {
    #[derive(Deserialize)]
    struct Named {
        base_model_name_or_path: Option<String>,
    }
    let path = dir.join(FILE);
    let named: Named = files::parse(&path, &files::read(&path, "configuration of an adapter")?)?;
    Ok(named.base_model_name_or_path.filter(|name| !name.is_empty()))
}

impl AdapterConfig {
    /// Reads the settings of the adapter in a directory.
    ///
    /// # Errors
    /// [`AdapterError::Field`] for anything that is not computed here.
    pub(super) fn read(dir: &Path) -> Result<Self, EncoderError> {
        let path = dir.join(FILE);
        let raw: RawConfig = files::parse(&path, &files::read(&path, "configuration of an adapter")?)?;
        let refuse = |field: &str, reason: String| AdapterError::Field {
            path: path.clone(),
            field: field.to_owned(),
            reason,
        };
        if raw.peft_type != "LORA" {
            let reason = format!("is `{}`; only LORA is supported", raw.peft_type);
            return Err(refuse("peft_type", reason).into());
        }
        if raw.r == 0 {
            return Err(refuse("r", "must be at least 1".to_owned()).into());
        }
        if !starts_plainly(&raw.init_lora_weights) {
            let reason = format!(
                "is {}, which changes the weights of the base, too; save the adapter with \
                 path_initial_model_for_weight_conversion, or merge it into its base",
                raw.init_lora_weights
            );
            return Err(refuse("init_lora_weights", reason).into());
        }
        for (field, value) in raw.others.iter().filter(|(field, _)| !INERT.contains(&field.as_str())) {
            if !is_off(value) {
                let reason = format!("is {value}, which is not supported");
                return Err(refuse(field, reason).into());
            }
        }
        let (ranks, alphas) = (raw.rank_pattern, raw.alpha_pattern);
        Ok(Self {
            rank: raw.r,
            alpha: raw.lora_alpha,
            rank_stabilised: raw.use_rslora,
            magnitudes: raw.use_dora,
            ranks: compiled(ranks).map_err(|reason| refuse("rank_pattern", reason))?,
            alphas: compiled(alphas).map_err(|reason| refuse("alpha_pattern", reason))?,
            saved: raw.modules_to_save,
            path,
        })
    }

    /// The rank of the update of a module, by its path in the model that the adapter was trained on.
    pub(super) fn rank(&self, module: &str) -> usize {
        first(&self.ranks, module).unwrap_or(self.rank)
    }

    /// What the product of the factors is multiplied by.
    pub(super) fn scaling(&self, module: &str) -> f64 {
        let alpha = first(&self.alphas, module).unwrap_or(self.alpha);
        let rank = self.rank(module) as f64;
        if self.rank_stabilised { alpha / rank.sqrt() } else { alpha / rank }
    }

    /// Says whether a tensor is one of a module that is saved whole.
    pub(super) fn saves(&self, tensor: &str) -> bool {
        let within = |module: &String| {
            tensor.split_once(module.as_str()).is_some_and(|(before, after)| {
                (before.is_empty() || before.ends_with('.')) && after.starts_with('.')
            })
        };
        self.saved.iter().any(within)
    }

    /// Refuses a rank that a factor does not have.
    pub(super) fn wrong_rank(&self, module: &str, name: &str, found: usize) -> AdapterError {
        let reason = format!("gives `{module}` rank {}, but `{name}` has rank {found}", self.rank(module));
        AdapterError::Field { path: self.path.clone(), field: "r".to_owned(), reason }
    }
}

/// The value of the first pattern that the end of a path matches, in the order in which peft writes and tries them.
fn first<T: Copy>(patterns: &[(Regex, T)], path: &str) -> Option<T> {
    patterns.iter().find(|(pattern, _)| pattern.is_match(path)).map(|(_, value)| *value)
}

/// Patterns are regular expressions for the whole path, or for what follows one of its dots.
fn compiled<T>(patterns: BTreeMap<String, T>) -> Result<Vec<(Regex, T)>, String> {
    let compile = |(pattern, value): (String, T)| match Regex::new(&format!(r"^(?:.*\.)?(?:{pattern})$")) {
        Ok(regex) => Ok((regex, value)),
        Err(_) => Err(format!("has the key `{pattern}`, which is no regular expression known here")),
    };
    patterns.into_iter().map(compile).collect()
}

/// Says whether training began with the base as it is. Other starts move a part of the base into the factors.
fn starts_plainly(start: &Value) -> bool {
    match start {
        Value::Null | Value::Bool(_) => true,
        Value::String(name) => PLAIN_STARTS.contains(&name.as_str()),
        _ => false,
    }
}

/// Says whether a field asks for nothing.
fn is_off(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.values().all(is_off),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::float_cmp)]
    use super::*;

    fn config(text: &str) -> Result<AdapterConfig, EncoderError> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join(FILE), text).unwrap();
        AdapterConfig::read(dir.path())
    }

    #[test]
    fn patterns_match_the_ends_of_paths_and_the_first_counts() {
        let text = r#"{"peft_type": "LORA", "r": 4, "lora_alpha": 8,
            "rank_pattern": {"^layer\\.0\\.query": 2, "query": 16, "layer.1.value": 1},
            "alpha_pattern": {"que.y": 32}}"#;
        let config = config(text).unwrap();
        let ranks = ["layer.0.query", "x.layer.0.query", "subquery", "layer.1.value", "key"];
        assert_eq!(ranks.map(|module| config.rank(module)), [2, 16, 4, 1, 4]);
        assert_eq!(config.scaling("layer.0.query"), 16.0);
        assert_eq!(config.scaling("key"), 2.0);
    }

    #[test]
    fn what_is_absent_is_as_in_peft_and_stabilised_ranks_divide_by_their_root() {
        assert_eq!(config(r#"{"peft_type": "LORA"}"#).unwrap().scaling("query"), 1.0);
        let stabilised = config(r#"{"peft_type": "LORA", "r": 16, "use_rslora": true}"#).unwrap();
        assert_eq!(stabilised.scaling("query"), 2.0);
    }

    #[test]
    fn saved_modules_are_known_by_whole_names() {
        let config = config(r#"{"peft_type": "LORA", "modules_to_save": ["pooler", "classifier"]}"#).unwrap();
        assert!(config.saves("bert.pooler.dense.weight") && config.saves("classifier.weight"));
        assert!(!config.saves("bert.subpooler.dense.weight") && !config.saves("pooler_weight"));
    }
}
