//! The modules of a sentence-transformers directory: where the transformer lies, and what makes a sentence of its tokens.

use std::path::{Component, Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::error::EncoderError;
use crate::files;

/// How the tokens of a sentence become one vector, as sentence-transformers defines it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PoolingMode {
    /// The first token.
    Cls,
    /// The largest value of each dimension.
    Max,
    /// The mean.
    Mean,
    /// The sum over the square root of the number of tokens.
    MeanSqrtLen,
    /// The mean, each token weighted by its place in the text, from 1.
    WeightedMean,
    /// The last token.
    LastToken,
}

/// What a checkpoint says of sentences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SentenceModules {
    /// Nothing: it is a transformer alone.
    None,
    /// It pools all tokens of a text, special ones included.
    Pooling {
        /// How.
        mode: PoolingMode,
        /// Whether the pooled vectors are then brought to length 1.
        normalize: bool,
    },
    /// It does something that is not computed here.
    Unsupported {
        /// The module, by its kind and folder, and what is wrong with it.
        reason: String,
    },
}

/// The modules in order.
pub(crate) struct Modules {
    dir: PathBuf,
    /// None where there is no list.
    list: Option<Vec<Module>>,
}

#[derive(Deserialize)]
struct Module {
    #[serde(default)]
    path: String,
    #[serde(default, rename = "type")]
    class: String,
}

impl Module {
    /// The class without the Python module that it lies in, which has changed between versions.
    fn kind(&self) -> &str {
        self.class.rsplit('.').next().unwrap_or_default()
    }

    /// Says whether its folder lies inside the directory.
    fn is_inside(&self) -> bool {
        Path::new(&self.path).components().all(|part| matches!(part, Component::Normal(_)))
    }
}

impl Modules {
    /// Reads `modules.json`, where there is one.
    ///
    /// # Errors
    /// When it is no list of modules, lists none, or the first lies outside the directory.
    pub(crate) fn read(dir: &Path) -> Result<Self, EncoderError> {
        let path = dir.join("modules.json");
        if !path.is_file() {
            return Ok(Self { dir: dir.to_owned(), list: None });
        }
        let list: Vec<Module> = files::parse(&path, &files::read(&path, "list of modules")?)?;
        let reason = match list.first() {
            None => "it lists no module".to_owned(),
            Some(first) if !first.is_inside() => {
                format!("the first module's path `{}` leaves the directory", first.path)
            }
            Some(_) => return Ok(Self { dir: dir.to_owned(), list: Some(list) }),
        };
        Err(EncoderError::Json { path, reason })
    }

    /// Says whether there is a list.
    pub(crate) fn are_listed(&self) -> bool {
        self.list.is_some()
    }

    /// Returns the directory of the first module, the transformer.
    pub(crate) fn transformer(&self) -> PathBuf {
        let first = self.list.as_ref().and_then(|list| list.first());
        first.map_or_else(|| self.dir.clone(), |first| self.dir.join(&first.path))
    }

    /// Finds out what the modules after the transformer do. What is not computed here is no error, for it matters to sentences only.
    pub(crate) fn sentences(&self) -> SentenceModules {
        let mut after = self.list.iter().flatten().skip(1);
        let Some(pooling) = after.next() else { return SentenceModules::None };
        let unsupported = |module: &Module, wrong: &str| SentenceModules::Unsupported {
            reason: format!("its module {} in `{}` {wrong}", module.kind(), module.path),
        };
        if pooling.kind() != "Pooling" {
            return unsupported(pooling, "comes before the tokens are pooled, which is not supported");
        }
        let mode = match self.config(pooling).and_then(|config| mode(&config)) {
            Ok(mode) => mode,
            Err(wrong) => return unsupported(pooling, &wrong),
        };
        let mut normalize = false;
        for module in after {
            match module.kind() {
                "Normalize" => normalize = true,
                // It does nothing outside of training.
                "Dropout" => {}
                _ => return unsupported(module, "changes the pooled vectors, which is not supported"),
            }
        }
        SentenceModules::Pooling { mode, normalize }
    }

    fn config(&self, module: &Module) -> Result<Map<String, Value>, String> {
        if !module.is_inside() {
            return Err("lies outside the directory".to_owned());
        }
        let path = self.dir.join(&module.path).join("config.json");
        let read = files::read(&path, "settings of the pooling");
        read.and_then(|bytes| files::parse(&path, &bytes)).map_err(|error| format!("cannot be read: {error}"))
    }
}

/// The flags of older settings, each with the name of the mode in newer ones.
const MODES: [(&str, &str, PoolingMode); 6] = [
    ("pooling_mode_cls_token", "cls", PoolingMode::Cls),
    ("pooling_mode_max_tokens", "max", PoolingMode::Max),
    ("pooling_mode_mean_tokens", "mean", PoolingMode::Mean),
    ("pooling_mode_mean_sqrt_len_tokens", "mean_sqrt_len_tokens", PoolingMode::MeanSqrtLen),
    ("pooling_mode_weightedmean_tokens", "weightedmean", PoolingMode::WeightedMean),
    ("pooling_mode_lasttoken", "lasttoken", PoolingMode::LastToken),
];

/// Reads the one mode of a pooling module.
fn mode(config: &Map<String, Value>) -> Result<PoolingMode, String> {
    let named = |name: &str| MODES.iter().find(|(_, known, _)| *known == name).map(|(_, _, mode)| *mode);
    let wrong = |value: &Value| format!("has the pooling_mode {value}; one of the known modes is supported");
    if let Some(value) = config.get("pooling_mode") {
        let names = match value {
            Value::String(_) => std::slice::from_ref(value),
            Value::Array(names) => names.as_slice(),
            _ => &[],
        };
        return match names {
            [Value::String(name)] => named(name).ok_or_else(|| wrong(value)),
            _ => Err(wrong(value)),
        };
    }
    let is_on = |flag: &str| config.get(flag).and_then(Value::as_bool).unwrap_or(false);
    let on: Vec<_> = MODES.iter().filter(|(flag, _, _)| is_on(flag)).collect();
    match on.as_slice() {
        [] => Ok(PoolingMode::Mean),
        [(_, _, mode)] => Ok(*mode),
        more => {
            let flags: Vec<&str> = more.iter().map(|(flag, _, _)| *flag).collect();
            Err(format!("puts several poolings side by side ({}), which is not supported", flags.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn sentences(modules: &str, pooling: &str) -> SentenceModules {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("1_Pooling")).unwrap();
        std::fs::write(dir.path().join("modules.json"), modules).unwrap();
        std::fs::write(dir.path().join("1_Pooling/config.json"), pooling).unwrap();
        Modules::read(dir.path()).unwrap().sentences()
    }

    fn list(kinds: &[&str]) -> String {
        let module = |(i, kind): (usize, &&str)| {
            let path = if i == 0 { String::new() } else { format!("{i}_{kind}") };
            format!(r#"{{"idx": {i}, "path": "{path}", "type": "sentence_transformers.models.{kind}"}}"#)
        };
        format!("[{}]", kinds.iter().enumerate().map(module).collect::<Vec<_>>().join(","))
    }

    #[test]
    fn old_and_new_settings_name_the_same_modes() {
        let kinds = list(&["Transformer", "Pooling", "Dropout", "Normalize"]);
        for (flag, name, mode) in MODES {
            let expected = SentenceModules::Pooling { mode, normalize: true };
            let old =
                format!(r#"{{"word_embedding_dimension": 4, "{flag}": true, "pooling_mode_other": false}}"#);
            assert_eq!(sentences(&kinds, &old), expected);
            assert_eq!(sentences(&kinds, &format!(r#"{{"pooling_mode": "{name}"}}"#)), expected);
            assert_eq!(sentences(&kinds, &format!(r#"{{"pooling_mode": ["{name}"]}}"#)), expected);
        }
        let plain = list(&["Transformer", "Pooling"]);
        let expected = SentenceModules::Pooling { mode: PoolingMode::Mean, normalize: false };
        assert_eq!(sentences(&plain, "{}"), expected, "the mean is what they take when nothing is said");
        assert_eq!(sentences(&list(&["Transformer"]), "{}"), SentenceModules::None);
    }

    #[test]
    fn what_is_not_computed_is_named() {
        let reason = |kinds: &[&str], pooling: &str| match sentences(&list(kinds), pooling) {
            SentenceModules::Unsupported { reason } => reason,
            other => panic!("{other:?}"),
        };
        let dense = reason(&["Transformer", "Pooling", "Dense"], "{}");
        assert_eq!(dense, "its module Dense in `2_Dense` changes the pooled vectors, which is not supported");
        assert!(
            reason(&["Transformer", "CNN", "Pooling"], "{}")
                .starts_with("its module CNN in `1_CNN` comes before")
        );
        let both = r#"{"pooling_mode_cls_token": true, "pooling_mode_max_tokens": true}"#;
        assert!(
            reason(&["Transformer", "Pooling"], both)
                .contains("pooling_mode_cls_token, pooling_mode_max_tokens")
        );
        assert!(reason(&["Transformer", "Pooling"], r#"{"pooling_mode": "median"}"#).contains("\"median\""));
        assert!(reason(&["Transformer", "Pooling"], "no json").contains("cannot be read"));
    }
}
