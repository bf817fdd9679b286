//! A checkpoint directory, opened and checked but not yet loaded.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::device::{ComputeDevice, Placement, Precision};
use crate::encoder::Encoder;
use crate::error::EncoderError;
use crate::facts::CheckpointFacts;
use crate::files;
use crate::models::{self, Family};
use crate::tokenizer::TextTokenizer;
use crate::weights::Weights;

/// Holds an opened checkpoint: a transformers or sentence-transformers directory as it lies on disk.
///
/// Opening reads `config.json`, the headers of the weight files and `tokenizer.json`, checks that they fit together and hashes
/// them. The weights themselves stay on disk until [`Checkpoint::load`].
pub struct Checkpoint {
    facts: CheckpointFacts,
    family: Box<dyn Family>,
    weights: Weights,
    tokenizer_path: PathBuf,
    /// The bytes of `tokenizer.json`; `None` when there is no such file.
    tokenizer: Option<Vec<u8>>,
}

impl std::fmt::Debug for Checkpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checkpoint").field("facts", &self.facts).finish_non_exhaustive()
    }
}

impl Checkpoint {
    /// Opens a directory that holds `model.safetensors` (or its shards), `config.json` and `tokenizer.json`, or a
    /// sentence-transformers directory whose first module is one.
    ///
    /// # Errors
    /// Any file that is missing, unreadable or unsound, a model family or activation that is not supported, and any tensor that
    /// is missing or does not have the shape that `config.json` implies.
    pub fn open(dir: &Path) -> Result<Self, EncoderError> {
        let opened = Self::open_for_ids(dir)?;
        opened.tokenizer_bytes()?;
        Ok(opened)
    }

    /// Opens a directory whose `tokenizer.json` may be missing, for those who have token ids already; the digest of a tokenizer
    /// that is missing is empty.
    ///
    /// # Errors
    /// As [`Checkpoint::open`], except for the missing tokenizer.
    pub fn open_for_ids(dir: &Path) -> Result<Self, EncoderError> {
        let dir = transformer_dir(dir)?;
        let mut weights = Weights::open(&dir)?;
        let config_path = dir.join("config.json");
        let config = files::read(&config_path, "model configuration")?;
        let (model_type, family) = models::from_config(&config_path, &config)?;
        weights.find_prefix(family.prefixes(), family.anchor())?;
        weights.check(family.tensors(&weights))?;
        let tokenizer_path = dir.join("tokenizer.json");
        let tokenizer = match files::read(&tokenizer_path, TOKENIZER) {
            Err(EncoderError::MissingFile { .. }) => None,
            read => Some(read?),
        };
        let dimensions = family.dimensions();
        let facts = CheckpointFacts {
            model_type: model_type.to_owned(),
            hidden_states: dimensions.layers + 1,
            width: dimensions.width,
            max_positions: dimensions.max_positions,
            vocab: dimensions.vocab,
            weights_digest: weights.digest()?,
            tokenizer_digest: tokenizer
                .as_ref()
                .map_or_else(String::new, |bytes| files::digest(Sha256::new_with_prefix(bytes))),
        };
        tracing::debug!(dir = %dir.display(), model_type = facts.model_type, "opened a checkpoint");
        Ok(Self { facts, family, weights, tokenizer_path, tokenizer })
    }

    /// Returns the checkpoint's dimensions and digests.
    #[must_use]
    pub fn facts(&self) -> &CheckpointFacts {
        &self.facts
    }

    /// Reads the weights into memory as f32 and builds the encoder for the CPU.
    ///
    /// # Errors
    /// When a weight file cannot be read any more.
    pub fn load(&self) -> Result<Box<dyn Encoder>, EncoderError> {
        self.load_on(&ComputeDevice::cpu(), Precision::F32)
    }

    /// Reads the weights onto a device, in a number format, and builds the encoder there.
    ///
    /// # Errors
    /// When a weight file cannot be read any more, or the memory of the device is full.
    pub fn load_on(
        &self,
        device: &ComputeDevice,
        precision: Precision,
    ) -> Result<Box<dyn Encoder>, EncoderError> {
        let placement = Placement { device: device.inner.clone(), format: precision.dtype() };
        self.family.load(&self.weights, self.facts.clone(), &placement)
    }

    /// Builds the checkpoint's tokenizer.
    ///
    /// # Errors
    /// [`EncoderError::Tokenizer`] when `tokenizer.json` is not a tokenizer, [`EncoderError::MissingFile`] when there is none.
    pub fn tokenizer(&self) -> Result<TextTokenizer, EncoderError> {
        TextTokenizer::from_bytes(&self.tokenizer_path, self.tokenizer_bytes()?)
    }

    fn tokenizer_bytes(&self) -> Result<&[u8], EncoderError> {
        let missing = || EncoderError::MissingFile { path: self.tokenizer_path.clone(), role: TOKENIZER };
        self.tokenizer.as_deref().ok_or_else(missing)
    }
}

/// What `tokenizer.json` is.
const TOKENIZER: &str = "tokenizer";

#[derive(Deserialize)]
struct Module {
    path: String,
}

/// Follows `modules.json` of a sentence-transformers directory to its first module, the transformer.
fn transformer_dir(dir: &Path) -> Result<PathBuf, EncoderError> {
    let path = dir.join("modules.json");
    if !path.is_file() {
        return Ok(dir.to_owned());
    }
    let modules: Vec<Module> = files::parse(&path, &files::read(&path, "list of modules")?)?;
    let Some(first) = modules.first() else {
        return Err(EncoderError::Json { path, reason: "it lists no module".to_owned() });
    };
    let inside =
        Path::new(&first.path).components().all(|part| matches!(part, std::path::Component::Normal(_)));
    if !inside {
        let reason = format!("the first module's path `{}` leaves the directory", first.path);
        return Err(EncoderError::Json { path, reason });
    }
    Ok(dir.join(&first.path))
}
