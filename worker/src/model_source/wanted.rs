//! Which files of a repository an encoder needs: its configuration, its tokenizer, its weights as safetensors, and what the modules
//! around it say. Everything else stays where it is.

use super::error::SourceError;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

/// What of an encoder is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Parts {
    /// Everything that computing with it takes.
    #[default]
    Encoder,
    /// All but the weights.
    Configuration,
}

/// A place that files are fetched from.
pub(super) trait Origin {
    /// The address, for messages.
    fn address(&self) -> String;

    /// Names of all files, relative to the encoder.
    fn names(&self) -> &BTreeSet<String>;

    /// Fetches a file into the cache and says where it lies there.
    async fn fetch(&self, name: &str) -> Result<PathBuf, SourceError>;
}

const MODULES: &str = "modules.json";
const ADAPTER: [&str; 2] = ["adapter_config.json", "adapter_model.safetensors"];
const WEIGHTS: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";

#[derive(Deserialize)]
struct Module {
    path: String,
}

#[derive(Deserialize)]
struct ShardIndex {
    weight_map: BTreeMap<String, String>,
}

/// Fetches what is wanted, the weights last: a directory in which they lie is whole. Returns the files by name.
pub(super) async fn fetch(
    origin: &impl Origin,
    parts: Parts,
) -> Result<BTreeMap<String, PathBuf>, SourceError> {
    let mut fetched = BTreeMap::new();
    let mut inner = String::new();
    if let Some(modules) = fetch_if_there(origin, MODULES, &mut fetched).await? {
        let modules: Vec<Module> = parse(origin, MODULES, &modules)?;
        for (i, module) in modules.iter().enumerate() {
            let folder = folder(origin, MODULES, &module.path)?;
            fetch_if_there(origin, &format!("{folder}config.json"), &mut fetched).await?;
            if i == 0 {
                inner = folder;
            }
        }
    }
    for name in ["config.json", "tokenizer.json"] {
        fetch_if_there(origin, &format!("{inner}{name}"), &mut fetched).await?;
    }
    let adapts = origin.names().contains(ADAPTER[0]);
    if !adapts && !fetched.contains_key(&format!("{inner}config.json")) {
        let reason = format!("it has neither {inner}config.json nor {}", ADAPTER[0]);
        return Err(SourceError::NoEncoder { address: origin.address(), reason });
    }
    let weights = weights(origin, &inner, adapts, &mut fetched).await;
    match parts {
        Parts::Configuration => Ok(fetched),
        Parts::Encoder => {
            for name in weights? {
                fetch_if_there(origin, &name, &mut fetched).await?;
            }
            Ok(fetched)
        }
    }
}

/// Names of the files of weights.
async fn weights(
    origin: &impl Origin,
    inner: &str,
    adapts: bool,
    fetched: &mut BTreeMap<String, PathBuf>,
) -> Result<Vec<String>, SourceError> {
    let mut found = Vec::new();
    if adapts {
        fetch_if_there(origin, ADAPTER[0], fetched).await?;
        found.extend(origin.names().contains(ADAPTER[1]).then(|| ADAPTER[1].to_owned()));
    }
    let (single, index) = (format!("{inner}{WEIGHTS}"), format!("{inner}{INDEX}"));
    if origin.names().contains(&single) {
        found.push(single);
    } else if let Some(path) = fetch_if_there(origin, &index, fetched).await? {
        let shards: ShardIndex = parse(origin, &index, &path)?;
        let files: BTreeSet<String> = shards.weight_map.into_values().collect();
        for file in files {
            if !is_inside(&file) {
                return Err(wrong(origin, &index, format!("the shard `{file}` leaves the directory")));
            }
            let name = format!("{inner}{file}");
            if !origin.names().contains(&name) {
                return Err(wrong(origin, &index, format!("the shard `{name}` is not there")));
            }
            found.push(name);
        }
    }
    if found.is_empty() { Err(without_weights(origin, inner)) } else { Ok(found) }
}

fn without_weights(origin: &impl Origin, inner: &str) -> SourceError {
    let pickled = |name: &&String| {
        let extension = Path::new(name.as_str()).extension().and_then(|extension| extension.to_str());
        matches!(extension, Some("bin" | "pt" | "pth" | "pkl" | "ckpt")) && !name.contains("training_args")
    };
    let found: Vec<&str> = origin.names().iter().filter(pickled).map(String::as_str).collect();
    let address = origin.address();
    if found.is_empty() {
        SourceError::NoEncoder {
            address,
            reason: format!("it has neither {inner}{WEIGHTS} nor {inner}{INDEX}"),
        }
    } else {
        SourceError::OnlyPickles { address, found: found.join(", ") }
    }
}

async fn fetch_if_there(
    origin: &impl Origin,
    name: &str,
    fetched: &mut BTreeMap<String, PathBuf>,
) -> Result<Option<PathBuf>, SourceError> {
    if let Some(path) = fetched.get(name) {
        return Ok(Some(path.clone()));
    }
    if !origin.names().contains(name) {
        return Ok(None);
    }
    let path = origin.fetch(name).await?;
    fetched.insert(name.to_owned(), path.clone());
    Ok(Some(path))
}

fn parse<T: serde::de::DeserializeOwned>(
    origin: &impl Origin,
    name: &str,
    path: &Path,
) -> Result<T, SourceError> {
    let bytes = std::fs::read(path).map_err(SourceError::cache(path))?;
    serde_json::from_slice(&bytes).map_err(|e| wrong(origin, name, e.to_string()))
}

/// The folder of a module, with a slash at its end; empty for the root.
fn folder(origin: &impl Origin, name: &str, path: &str) -> Result<String, SourceError> {
    let path = path.trim_end_matches('/');
    if path.is_empty() || path == "." {
        return Ok(String::new());
    }
    if !is_inside(path) {
        return Err(wrong(origin, name, format!("the path `{path}` leaves the directory")));
    }
    Ok(format!("{path}/"))
}

fn wrong(origin: &impl Origin, file: &str, reason: String) -> SourceError {
    SourceError::File { address: origin.address(), file: file.to_owned(), reason }
}

/// Tells whether a name stays below the directory that it is taken from.
pub(super) fn is_inside(name: &str) -> bool {
    !name.is_empty() && Path::new(name).components().all(|part| matches!(part, Component::Normal(_)))
}

/// Tells whether a directory holds everything that is wanted, as far as its own files say.
pub(super) fn is_whole(dir: &Path, parts: Parts) -> bool {
    let read = |name: &str| std::fs::read(dir.join(name)).ok();
    let has = |name: &str| dir.join(name).is_file();
    let modules = read(MODULES).and_then(|bytes| serde_json::from_slice::<Vec<Module>>(&bytes).ok());
    let inner = modules.as_deref().and_then(<[Module]>::first).map_or("", |module| module.path.as_str());
    let inner = if inner.is_empty() { String::new() } else { format!("{}/", inner.trim_end_matches('/')) };
    let configured = has(&format!("{inner}config.json")) || has(ADAPTER[0]);
    if parts == Parts::Configuration || !configured {
        return configured;
    }
    let shards = || {
        let index: ShardIndex = serde_json::from_slice(&read(&format!("{inner}{INDEX}"))?).ok()?;
        Some(index.weight_map.values().all(|shard| has(&format!("{inner}{shard}"))))
    };
    has(&format!("{inner}{WEIGHTS}")) || (has(ADAPTER[0]) && has(ADAPTER[1])) || shards().unwrap_or(false)
}
