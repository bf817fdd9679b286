//! The tensors that a checkpoint stores, in one file or several shards.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::Sha256;

use super::TensorSpec;
use super::file::WeightFile;
use crate::error::EncoderError;
use crate::files;

const SINGLE: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
const PICKLED: [&str; 2] = ["pytorch_model.bin", "pytorch_model.bin.index.json"];

/// All tensors of a checkpoint by their current name, with the prefix under which the encoder lies.
pub(super) struct StoredTensors {
    dir: PathBuf,
    files: Vec<WeightFile>,
    /// Current name → (file, stored name).
    places: BTreeMap<String, (usize, String)>,
    prefix: String,
}

#[derive(Deserialize)]
struct ShardIndex {
    weight_map: BTreeMap<String, String>,
}

impl StoredTensors {
    /// Opens the weight files of a directory and checks their headers.
    pub(super) fn open(dir: &Path) -> Result<Self, EncoderError> {
        let mut files = Vec::new();
        for path in weight_paths(dir)? {
            files.push(WeightFile::open(&path)?);
        }
        let mut places = BTreeMap::new();
        for (i, file) in files.iter().enumerate() {
            for stored in file.names() {
                let name = current_name(&stored);
                if places.insert(name, (i, stored.clone())).is_some() {
                    let reason = format!("it holds a second tensor `{stored}`");
                    return Err(EncoderError::Header { path: file.path().to_owned(), reason });
                }
            }
        }
        Ok(Self { dir: dir.to_owned(), files, places, prefix: String::new() })
    }

    /// Settles on the first of `prefixes` under which the tensor `anchor` lies.
    pub(super) fn find_prefix(&mut self, prefixes: &[&str], anchor: &str) -> Result<(), EncoderError> {
        for prefix in prefixes {
            if self.places.contains_key(&format!("{prefix}{anchor}")) {
                (*prefix).clone_into(&mut self.prefix);
                return Ok(());
            }
        }
        let tried: Vec<String> = prefixes.iter().map(|prefix| format!("{prefix}{anchor}")).collect();
        Err(EncoderError::MissingTensor { dir: self.dir.clone(), name: tried.join("` or `") })
    }

    /// Says whether there is a tensor of this name.
    pub(super) fn contains(&self, name: &str) -> bool {
        self.place(name).is_ok()
    }

    /// Checks that every tensor is there, in the right shape and a number format that can be widened; reads none.
    pub(super) fn check(&self, specs: impl Iterator<Item = TensorSpec>) -> Result<(), EncoderError> {
        for spec in specs {
            let (file, stored) = self.place(&spec.name)?;
            let Some(info) = file.info(stored) else {
                return Err(self.missing(&spec.name));
            };
            file.format(stored, info)?;
            if info.shape != spec.shape {
                return Err(EncoderError::TensorShape {
                    path: file.path().to_owned(),
                    name: stored.to_owned(),
                    expected: spec.shape,
                    found: info.shape.clone(),
                });
            }
        }
        Ok(())
    }

    /// Says whether the files hold a tensor of this name, the encoder's prefix before it or none, whether or not the encoder needs it.
    pub(super) fn holds(&self, name: &str) -> bool {
        self.places.contains_key(name) || self.contains(name)
    }

    /// Reads one tensor as f32, row by row, with its shape.
    pub(super) fn read(&self, name: &str) -> Result<(Vec<f32>, Vec<usize>), EncoderError> {
        let (file, stored) = self.place(name)?;
        let info = file.info(stored).ok_or_else(|| self.missing(name))?;
        Ok((file.read(stored, info)?, info.shape.clone()))
    }

    /// Adds the bytes of all weight files to a hash, in the order of their names.
    pub(super) fn hash(&self, hash: &mut Sha256) -> Result<(), EncoderError> {
        self.files.iter().try_for_each(|file| file.hash(hash))
    }

    fn place(&self, name: &str) -> Result<(&WeightFile, &str), EncoderError> {
        match self.places.get(&format!("{}{name}", self.prefix)) {
            Some((file, stored)) => Ok((&self.files[*file], stored)),
            None => Err(self.missing(name)),
        }
    }

    fn missing(&self, name: &str) -> EncoderError {
        EncoderError::MissingTensor { dir: self.dir.clone(), name: format!("{}{name}", self.prefix) }
    }
}

/// Early BERT checkpoints call the parameters of their layer norms by the paper's letters.
fn current_name(stored: &str) -> String {
    if let Some(stem) = stored.strip_suffix("LayerNorm.gamma") {
        format!("{stem}LayerNorm.weight")
    } else if let Some(stem) = stored.strip_suffix("LayerNorm.beta") {
        format!("{stem}LayerNorm.bias")
    } else {
        stored.to_owned()
    }
}

fn weight_paths(dir: &Path) -> Result<Vec<PathBuf>, EncoderError> {
    let single = dir.join(SINGLE);
    if single.is_file() {
        return Ok(vec![single]);
    }
    let path = dir.join(INDEX);
    if path.is_file() {
        let index: ShardIndex = files::parse(&path, &files::read(&path, "list of weight files")?)?;
        let shards: BTreeSet<String> = index.weight_map.into_values().collect();
        if let Some(shard) =
            shards.iter().find(|shard| shard.contains('/') || !shard.ends_with(".safetensors"))
        {
            let reason = format!(
                "`weight_map` names `{shard}`, which is not a safetensors file of the same directory"
            );
            return Err(EncoderError::Json { path, reason });
        }
        return Ok(shards.into_iter().map(|shard| dir.join(shard)).collect());
    }
    match PICKLED.map(|name| dir.join(name)).into_iter().find(|path| path.is_file()) {
        Some(path) => Err(EncoderError::PickledWeights { path }),
        None => Err(EncoderError::NoWeights { dir: dir.to_owned() }),
    }
}
