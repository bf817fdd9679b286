//! A checkpoint directory, opened and checked but not yet loaded.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::device::{ComputeDevice, Placement, Precision};
use crate::encoder::Encoder;
use crate::error::EncoderError;
use crate::facts::CheckpointFacts;
use crate::files;
use crate::models::{self, Family, Initialisation};
use crate::modules::{Modules, SentenceModules};
use crate::tokenizer::TextTokenizer;
use crate::weights::{self, Adapter, AdapterError, DrawnTensors, Weights};

/// Holds an opened checkpoint: a transformers or sentence-transformers directory as it lies on disk.
///
/// Opening reads `config.json`, the headers of the weight files, of an adapter, and `tokenizer.json`, checks that they fit together and
/// hashes them. The weights themselves stay on disk until [`Checkpoint::load`].
pub struct Checkpoint {
    facts: CheckpointFacts,
    family: Box<dyn Family>,
    weights: Weights,
    sentences: SentenceModules,
    tokenizer_path: PathBuf,
    /// The bytes of `tokenizer.json`; `None` when there is no such file.
    tokenizer: Option<Vec<u8>>,
}

impl std::fmt::Debug for Checkpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checkpoint").field("facts", &self.facts).finish_non_exhaustive()
    }
}

/// How a directory is to be opened.
#[derive(Clone, Copy, Debug, Default)]
pub struct Opening<'a> {
    /// The checkpoint that an adapter is put on, a directory. Without one it is what `adapter_config.json` names.
    pub base: Option<&'a Path>,
    /// Draws the weights with this seed instead of reading any: of the directory, only the configuration and the tokenizer count.
    pub random_seed: Option<u64>,
    /// Whether a missing `tokenizer.json` is an error.
    pub needs_tokenizer: bool,
}

/// Returns what the adapter in a directory names as its base, be it a directory or not; none for a directory without an adapter.
///
/// # Errors
/// When `modules.json` or `adapter_config.json` cannot be read.
pub fn adapter_base(dir: &Path) -> Result<Option<String>, EncoderError> {
    let dir = Modules::read(dir)?.transformer();
    if weights::is_adapter(&dir) { weights::base_name(&dir) } else { Ok(None) }
}

impl Checkpoint {
    /// Opens a directory that holds `model.safetensors` (or its shards), `config.json` and `tokenizer.json`, or a
    /// sentence-transformers directory whose first module is one, or an adapter that names such a directory as its base.
    ///
    /// # Errors
    /// As [`Checkpoint::open_with`].
    pub fn open(dir: &Path) -> Result<Self, EncoderError> {
        Self::open_with(dir, &Opening { needs_tokenizer: true, ..Opening::default() })
    }

    /// Opens a directory whose `tokenizer.json` may be missing, for those who have token ids already; the digest of a tokenizer
    /// that is missing is empty.
    ///
    /// # Errors
    /// As [`Checkpoint::open_with`], except for the missing tokenizer.
    pub fn open_for_ids(dir: &Path) -> Result<Self, EncoderError> {
        Self::open_with(dir, &Opening::default())
    }

    /// Opens a directory: a checkpoint, an adapter on a base, or an architecture whose weights are drawn.
    ///
    /// An adapter's own `tokenizer.json` and `modules.json` go before those of its base.
    ///
    /// # Errors
    /// Any file that is missing, unreadable or unsound, a model family or activation that is not supported, and any tensor that
    /// is missing or does not have the shape that `config.json` implies. [`EncoderError::Adapter`] for an adapter that does not fit its
    /// base or is not supported, and for a base that is given and not needed.
    pub fn open_with(dir: &Path, opening: &Opening<'_>) -> Result<Self, EncoderError> {
        let modules = Modules::read(dir)?;
        let own = modules.transformer();
        match opening.random_seed {
            Some(_) if opening.base.is_some() => return Err(AdapterError::OfRandom.into()),
            Some(seed) => return Self::finish(drawn(&own, seed)?, modules.sentences(), &[&own], opening),
            None => {}
        }
        if !weights::is_adapter(&own) {
            return match opening.base {
                Some(_) => Err(AdapterError::NotAnAdapter { dir: own }.into()),
                None => Self::finish(stored(&own)?, modules.sentences(), &[&own], opening),
            };
        }
        let base = opening.base.map_or_else(|| weights::named_base(&own), |base| Ok(base.to_owned()))?;
        let base_modules = Modules::read(&base)?;
        let base = base_modules.transformer();
        if weights::is_adapter(&base) {
            return Err(AdapterError::BaseIsAdapter { dir: base }.into());
        }
        let mut parts = stored(&base)?;
        let specs = parts.family.tensors(&parts.weights).collect::<Vec<_>>();
        parts.weights.adapt(Adapter::open(&own)?, parts.family.prefixes(), specs.into_iter())?;
        let sentences = if modules.are_listed() { modules.sentences() } else { base_modules.sentences() };
        Self::finish(parts, sentences, &[&own, &base], opening)
    }

    /// Adds the tokenizer, which lies in the first of `dirs` that has one, and the facts.
    fn finish(
        parts: Parts,
        sentences: SentenceModules,
        dirs: &[&Path],
        opening: &Opening<'_>,
    ) -> Result<Self, EncoderError> {
        let Parts { model_type, family, weights } = parts;
        let mut tokenizer_path = PathBuf::new();
        let mut tokenizer = None;
        for dir in dirs {
            tokenizer_path = dir.join("tokenizer.json");
            match files::read(&tokenizer_path, TOKENIZER) {
                Err(EncoderError::MissingFile { .. }) => {}
                read => {
                    tokenizer = Some(read?);
                    break;
                }
            }
        }
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
        tracing::debug!(tokenizer = %tokenizer_path.display(), model_type, "opened a checkpoint");
        let opened = Self { facts, family, weights, sentences, tokenizer_path, tokenizer };
        if opening.needs_tokenizer {
            opened.tokenizer_bytes()?;
        }
        Ok(opened)
    }

    /// Returns the checkpoint's dimensions and digests.
    #[must_use]
    pub fn facts(&self) -> &CheckpointFacts {
        &self.facts
    }

    /// Returns what the modules of a sentence-transformers directory make of the tokens of a sentence.
    #[must_use]
    pub fn sentence_modules(&self) -> &SentenceModules {
        &self.sentences
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

const CONFIG: &str = "config.json";
/// What `tokenizer.json` is.
const TOKENIZER: &str = "tokenizer";

/// The family of an encoder and its tensors.
struct Parts {
    model_type: &'static str,
    family: Box<dyn Family>,
    weights: Weights,
}

/// Opens a whole checkpoint.
fn stored(dir: &Path) -> Result<Parts, EncoderError> {
    let mut weights = Weights::open(dir)?;
    let path = dir.join(CONFIG);
    let config = files::read(&path, "model configuration")?;
    let (model_type, family) = models::from_config(&path, &config)?;
    weights.find_prefix(family.prefixes(), family.anchor())?;
    weights.check(family.tensors(&weights))?;
    Ok(Parts { model_type, family, weights })
}

/// Makes an encoder of an architecture alone.
fn drawn(dir: &Path, seed: u64) -> Result<Parts, EncoderError> {
    let path = dir.join(CONFIG);
    let config = files::read(&path, "model configuration")?;
    let (model_type, family) = models::from_config(&path, &config)?;
    let initial = Initialisation::parse(&path, &config, model_type)?;
    // Families ask which tensors are stored; none are.
    let none = Weights::drawn(DrawnTensors::new(dir, seed, &config));
    let mut tensors = DrawnTensors::new(dir, seed, &config);
    tensors.add(family.tensors(&none), |spec| initial.of(spec))?;
    Ok(Parts { model_type, family, weights: Weights::drawn(tensors) })
}
