//! An adapter: low-rank updates and replaced tensors that lie in a directory of their own and are put on a base when it is read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use safetensors::tensor::TensorInfo;
use sha2::{Digest, Sha256};

use super::adapter_config::AdapterConfig;
use super::adapter_error::AdapterError;
use super::adapter_names::{StoredParts, StoredUpdate};
use super::file::WeightFile;
use super::merge::{self, Factors};
use crate::error::EncoderError;

const FILE: &str = "adapter_model.safetensors";
const PICKLED: &str = "adapter_model.bin";

/// An adapter in the format of peft.
pub(crate) struct Adapter {
    file: WeightFile,
    config: AdapterConfig,
    parts: StoredParts,
    /// What changes, by the name of the tensor of the encoder, without a prefix; empty before [`Adapter::fit`].
    changes: BTreeMap<String, Change>,
}

/// What becomes of one tensor; the update comes after the replacement.
#[derive(Default)]
struct Change {
    replaced: Option<String>,
    update: Option<Update>,
}

/// An update whose tensors were found to fit.
struct Update {
    a: String,
    b: String,
    rank: usize,
    scaling: f64,
    is_table: bool,
    magnitude: Option<String>,
}

/// Where a tensor that an adapter has something for belongs.
enum Owner {
    /// Tensor of the encoder, without a prefix.
    Encoder(String),
    /// Another part of the model, such as a head, of which no hidden state depends.
    Elsewhere,
}

impl Adapter {
    /// Opens the adapter in a directory: its settings, and the header of its weight file.
    ///
    /// # Errors
    /// Files that are missing, unsound or pickled, and settings that are not computed here.
    pub(crate) fn open(dir: &Path) -> Result<Self, EncoderError> {
        let (path, pickled) = (dir.join(FILE), dir.join(PICKLED));
        if !path.is_file() && pickled.is_file() {
            return Err(EncoderError::PickledWeights { path: pickled });
        }
        if !path.is_file() {
            return Err(EncoderError::MissingFile { path, role: "weights of the adapter" });
        }
        let config = AdapterConfig::read(dir)?;
        let file = WeightFile::open(&path)?;
        let parts = StoredParts::of(file.names().into_iter());
        let parts = parts.map_err(|name| tensor(&path, &name, "is of a kind that is not supported"))?;
        Ok(Self { file, config, parts, changes: BTreeMap::new() })
    }

    /// Finds for each of its tensors the one of the encoder that it changes. `specs` are those of the encoder, `prefixes` what may stand
    /// before their names in the adapter; `held` tells of any other tensor of the base.
    ///
    /// # Errors
    /// A tensor that matches nothing or does not fit what it matches, an adapter that changes nothing.
    pub(super) fn fit(
        &mut self,
        prefixes: &[&str],
        specs: &BTreeMap<String, Vec<usize>>,
        held: &dyn Fn(&str) -> bool,
    ) -> Result<(), EncoderError> {
        let target = |module: &String| format!("{module}.weight");
        let targets: Vec<String> =
            self.parts.updates.keys().map(target).chain(self.parts.whole.keys().cloned()).collect();
        let of_encoder = |prefix: &str| {
            targets.iter().any(|name| name.strip_prefix(prefix).is_some_and(|name| specs.contains_key(name)))
        };
        let prefix = prefixes.iter().copied().find(|prefix| of_encoder(prefix));
        let mut changes: BTreeMap<String, Change> = BTreeMap::new();
        for (module, stored) in &self.parts.updates {
            if let Owner::Encoder(name) = self.owner(&target(module), stored.any(), prefix, specs, held)? {
                let update = self.update(module, stored, &name, &specs[&name])?;
                changes.entry(name).or_default().update = Some(update);
            }
        }
        for (name, stored) in &self.parts.whole {
            if let Owner::Encoder(name) = self.owner(name, stored, prefix, specs, held)? {
                let found = &self.info(stored)?.shape;
                if *found != specs[&name] {
                    return Err(self.misfit(stored, found, &name, &specs[&name]));
                }
                changes.entry(name).or_default().replaced = Some(stored.clone());
            }
        }
        if changes.is_empty() {
            let names = self.file.names();
            let name = names.first().map_or("", String::as_str);
            let reason = "changes nothing of the encoder, and neither does any other";
            return Err(tensor(self.file.path(), name, reason).into());
        }
        self.changes = changes;
        Ok(())
    }

    /// Finds out whose tensor `name` is.
    fn owner(
        &self,
        name: &str,
        stored: &str,
        prefix: Option<&str>,
        specs: &BTreeMap<String, Vec<usize>>,
        held: &dyn Fn(&str) -> bool,
    ) -> Result<Owner, EncoderError> {
        let bare = prefix.and_then(|prefix| name.strip_prefix(prefix));
        if let Some(bare) = bare.filter(|bare| specs.contains_key(*bare)) {
            return Ok(Owner::Encoder(bare.to_owned()));
        }
        // Heads lie beside an encoder that has a prefix, are saved whole, or are in the base, too. Poolers are often dropped from it.
        let beside = prefix.is_some() && bare.is_none();
        let is_pooler = bare.is_some_and(|bare| bare.starts_with("pooler."));
        if beside || is_pooler || held(name) || bare.is_some_and(held) || self.config.saves(name) {
            tracing::debug!(name = stored, "a tensor of the adapter is none of the encoder");
            return Ok(Owner::Elsewhere);
        }
        let reason = "matches no tensor of the base: it is an adapter for another base";
        Err(tensor(self.file.path(), stored, reason).into())
    }

    /// Checks that the tensors of an update fit each other and the tensor that they change.
    fn update(
        &self,
        module: &str,
        stored: &StoredUpdate,
        name: &str,
        base: &[usize],
    ) -> Result<Update, EncoderError> {
        let lacks = |reason: &str| EncoderError::from(tensor(self.file.path(), stored.any(), reason));
        let (Some(a), Some(b)) = (&stored.a, &stored.b) else {
            return Err(lacks("is one of the two factors of an update; the other is missing"));
        };
        let (a_shape, b_shape) = (&self.info(a)?.shape, &self.info(b)?.shape);
        // A table is read by rows, which are the inputs of a dense layer.
        let sides = match *base {
            [rows, width] if stored.is_table => Some((rows, width)),
            [outputs, inputs] => Some((inputs, outputs)),
            _ => None,
        };
        let rank = match (sides, a_shape.as_slice()) {
            (Some((inputs, _)), &[rank, found]) if found == inputs => rank,
            _ => return Err(self.misfit(a, a_shape, name, base)),
        };
        if sides.is_none_or(|(_, outputs)| *b_shape != [outputs, rank]) {
            return Err(self.misfit(b, b_shape, name, base));
        }
        if rank != self.config.rank(module) {
            return Err(self.config.wrong_rank(module, a, rank).into());
        }
        match &stored.magnitude {
            Some(_) if stored.is_table => {
                return Err(lacks("has magnitudes for a table; those of dense layers are supported"));
            }
            Some(_) if !self.config.magnitudes => {
                return Err(lacks("has magnitudes, but `use_dora` is not true"));
            }
            None if self.config.magnitudes => return Err(lacks("has no magnitudes, but `use_dora` is true")),
            Some(magnitude) => {
                let found = &self.info(magnitude)?.shape;
                if found.iter().product::<usize>() != base[0] {
                    return Err(self.misfit(magnitude, found, name, base));
                }
            }
            None => {}
        }
        Ok(Update {
            a: a.clone(),
            b: b.clone(),
            rank,
            scaling: self.config.scaling(module),
            is_table: stored.is_table,
            magnitude: stored.magnitude.clone(),
        })
    }

    /// Changes the values of a tensor of the encoder, as the base has them, into those of the adapted model.
    pub(super) fn apply(
        &self,
        name: &str,
        base: Vec<f32>,
        shape: &[usize],
    ) -> Result<Vec<f32>, EncoderError> {
        let Some(change) = self.changes.get(name) else { return Ok(base) };
        let mut values = change.replaced.as_ref().map_or(Ok(base), |stored| self.read(stored))?;
        if let Some(update) = &change.update {
            let factors = Factors {
                a: self.read(&update.a)?,
                b: self.read(&update.b)?,
                rank: update.rank,
                scaling: update.scaling,
            };
            let width = shape.last().copied().unwrap_or(1);
            if update.is_table {
                merge::table(&mut values, width, &factors);
            } else {
                let magnitudes = update.magnitude.as_ref().map(|stored| self.read(stored)).transpose()?;
                merge::dense(&mut values, width, &factors, magnitudes.as_deref());
            }
        }
        Ok(values)
    }

    /// Adds what decides the changes to a hash: the bytes of the weight file, and which of its tensors change what by how much.
    pub(super) fn hash(&self, hash: &mut Sha256) -> Result<(), EncoderError> {
        hash.update("lora 1");
        self.file.hash(hash)?;
        for (name, change) in &self.changes {
            hash.update(name);
            let names = change
                .update
                .iter()
                .flat_map(|update| [Some(&update.a), Some(&update.b), update.magnitude.as_ref()]);
            for stored in names.flatten().chain(&change.replaced) {
                hash.update([0]);
                hash.update(stored);
            }
            hash.update(change.update.as_ref().map_or(0.0, |update| update.scaling).to_le_bytes());
        }
        Ok(())
    }

    /// Place and form of a tensor that can be widened.
    fn info(&self, stored: &str) -> Result<&TensorInfo, EncoderError> {
        let missing = || EncoderError::from(tensor(self.file.path(), stored, "is missing"));
        let info = self.file.info(stored).ok_or_else(missing)?;
        self.file.format(stored, info)?;
        Ok(info)
    }

    fn read(&self, stored: &str) -> Result<Vec<f32>, EncoderError> {
        self.file.read(stored, self.info(stored)?)
    }

    fn misfit(&self, stored: &str, found: &[usize], name: &str, base: &[usize]) -> EncoderError {
        let path: PathBuf = self.file.path().to_owned();
        let (found, base) = (found.to_owned(), base.to_owned());
        AdapterError::Shape { path, name: stored.to_owned(), found, base_name: name.to_owned(), base }.into()
    }
}

fn tensor(path: &Path, name: &str, reason: &str) -> AdapterError {
    AdapterError::Tensor { path: path.to_owned(), name: name.to_owned(), reason: reason.to_owned() }
}
