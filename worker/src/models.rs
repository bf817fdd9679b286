//! Loaded encoders, shared by the tasks of a worker.

use crate::error::WorkerError;
use crate::model_source::{Request, Resolved, SourceError};
use isoscope_core::facts::{ModelFacts, SentenceModules};
use isoscope_core::plan::PlannedModel;
use isoscope_core::pooling::PoolingMode;
use isoscope_core::study::{ModelAddress, NumberFormat};
use isoscope_encoders::{
    self as encoders, Checkpoint, ComputeDevice, Encoder, Opening, Precision, TextTokenizer,
};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// Most encoders kept in memory at once; a study compares a few.
const KEPT: usize = 4;

/// An encoder and its tokenizer.
pub struct Loaded {
    /// The encoder.
    pub encoder: Box<dyn Encoder>,
    /// Its tokenizer.
    pub tokenizer: TextTokenizer,
}

/// Encoders by digest, most recently used last.
pub struct Models {
    device: ComputeDevice,
    kept: Mutex<Vec<Arc<Kept>>>,
}

/// The place of one encoder.
struct Kept {
    weights_digest: String,
    tokenizer_digest: String,
    format: NumberFormat,
    /// Held while loading, so that two tasks never load the same weights.
    loaded: Mutex<Option<Arc<Loaded>>>,
}

impl Models {
    /// Keeps encoders on a device.
    #[must_use]
    pub fn new(device: ComputeDevice) -> Self {
        Self { device, kept: Mutex::default() }
    }

    /// Returns the encoder of a plan in a number format, loading it when it is not in memory.
    ///
    /// # Errors
    /// When the checkpoint cannot be read, or is no longer the one that was planned with.
    pub fn get(
        &self,
        model: &PlannedModel,
        format: NumberFormat,
        base: &Path,
    ) -> Result<Arc<Loaded>, WorkerError> {
        let kept = self.place(&model.facts, format);
        let mut loaded = kept.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = &*loaded {
            return Ok(Arc::clone(found));
        }
        let fresh = Arc::new(load(model, base, &self.device, precision(format))?);
        *loaded = Some(Arc::clone(&fresh));
        Ok(fresh)
    }

    /// Weights digests of the encoders in memory. Never waits for one that is being loaded.
    #[must_use]
    pub fn loaded(&self) -> Vec<String> {
        let all = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let ready = all.iter().filter(|kept| kept.loaded.try_lock().is_ok_and(|loaded| loaded.is_some()));
        ready.map(|kept| kept.weights_digest.clone()).collect()
    }

    /// The place of an encoder, now the most recently used one.
    fn place(&self, facts: &ModelFacts, format: NumberFormat) -> Arc<Kept> {
        let mut all = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |kept: &Arc<Kept>| {
            kept.weights_digest == facts.weights_digest
                && kept.tokenizer_digest == facts.tokenizer_digest
                && kept.format == format
        };
        let place = match all.iter().position(same) {
            Some(i) => all.remove(i),
            None => Arc::new(Kept {
                weights_digest: facts.weights_digest.clone(),
                tokenizer_digest: facts.tokenizer_digest.clone(),
                format,
                loaded: Mutex::default(),
            }),
        };
        if all.len() >= KEPT {
            all.remove(0);
        }
        all.push(Arc::clone(&place));
        place
    }
}

/// Where an encoder comes from, as a study says it.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    /// The checkpoint, the adapter, or the architecture of one whose weights are drawn.
    pub(crate) source: &'a str,
    /// The base of an adapter.
    pub(crate) base: Option<&'a str>,
}

/// An opened checkpoint and the revisions that it is of: commit, or digest of what a store listed; empty for a directory.
pub(crate) struct Opened {
    /// The checkpoint.
    pub(crate) checkpoint: Checkpoint,
    /// Of the source.
    revision: String,
    /// Of the base that an adapter is put on, where the study names it.
    base_revision: String,
}

/// Opens the encoder that a study names in `field`. Relative directories begin at `base`.
///
/// # Errors
/// When it cannot be had, or not be used.
pub(crate) fn open(
    source: Source<'_>,
    field: &str,
    base: &Path,
    needs_tokenizer: bool,
) -> Result<Opened, WorkerError> {
    let failed = |source| WorkerError::Source { field: field.to_owned(), source };
    open_from(source, field, needs_tokenizer, |place, _| Request::new(place, base).resolve().map_err(failed))
}

/// Which of the places that make up an encoder.
#[derive(Clone, Copy)]
enum Role {
    Source,
    Base,
}

/// Opens an encoder whose places are found by `find`; every way to an encoder leads through here.
fn open_from(
    source: Source<'_>,
    field: &str,
    needs_tokenizer: bool,
    find: impl Fn(&str, Role) -> Result<Resolved, WorkerError>,
) -> Result<Opened, WorkerError> {
    let address = ModelAddress::parse(source.source)
        .map_err(|source| WorkerError::ModelAddress { field: field.to_owned(), source })?;
    let found = find(address.place, Role::Source)?;
    let under = source.base.map(|place| find(place, Role::Base)).transpose()?;
    let opening = Opening {
        base: under.as_ref().map(|under| under.dir.as_path()),
        random_seed: address.random_seed,
        needs_tokenizer,
    };
    let checkpoint = Checkpoint::open_with(&found.dir, &opening)
        .map_err(|source| WorkerError::Encoder { field: field.to_owned(), source })?;
    let base_revision = under.map(|under| under.revision).unwrap_or_default();
    Ok(Opened { checkpoint, revision: found.revision, base_revision })
}

/// What a plan knows of a checkpoint.
pub(crate) fn facts(opened: &Opened) -> ModelFacts {
    let facts = opened.checkpoint.facts();
    ModelFacts {
        model_type: facts.model_type.clone(),
        hidden_states: facts.hidden_states as u32,
        width: facts.width as u32,
        max_positions: facts.max_positions as u32,
        weights_digest: facts.weights_digest.clone(),
        tokenizer_digest: facts.tokenizer_digest.clone(),
        sentences: sentences(opened.checkpoint.sentence_modules()),
        revision: opened.revision.clone(),
        base_revision: opened.base_revision.clone(),
    }
}

fn sentences(modules: &encoders::SentenceModules) -> SentenceModules {
    match modules {
        encoders::SentenceModules::None => SentenceModules::None,
        encoders::SentenceModules::Unsupported { reason } => {
            SentenceModules::Unsupported { reason: reason.clone() }
        }
        &encoders::SentenceModules::Pooling { mode, normalize } => {
            let mode = match mode {
                encoders::PoolingMode::Cls => PoolingMode::Cls,
                encoders::PoolingMode::Max => PoolingMode::Max,
                encoders::PoolingMode::Mean => PoolingMode::Mean,
                encoders::PoolingMode::MeanSqrtLen => PoolingMode::MeanSqrtLen,
                encoders::PoolingMode::WeightedMean => PoolingMode::WeightedMean,
                encoders::PoolingMode::LastToken => PoolingMode::LastToken,
            };
            SentenceModules::Pooling { mode, normalize }
        }
    }
}

/// The encoders' word for a study's number format.
pub(crate) fn precision(format: NumberFormat) -> Precision {
    match format {
        NumberFormat::F32 => Precision::F32,
        NumberFormat::F16 => Precision::F16,
        NumberFormat::Bf16 => Precision::Bf16,
    }
}

fn load(
    model: &PlannedModel,
    base: &Path,
    device: &ComputeDevice,
    precision: Precision,
) -> Result<Loaded, WorkerError> {
    let field = format!("model.{}.source", model.name);
    let source = Source { source: &model.source, base: model.base.as_deref() };
    let unfetched = |source: SourceError| {
        let field = field.clone();
        if source.is_passing() {
            WorkerError::Unfetched { field, source }
        } else {
            WorkerError::Source { field, source }
        }
    };
    // What was planned with, whatever the addresses name by now.
    let Opened { checkpoint, .. } = open_from(source, &field, true, |place, role| {
        let revision = match role {
            Role::Source => &model.facts.revision,
            Role::Base => &model.facts.base_revision,
        };
        Request::new(place, base).at(revision).resolve().map_err(unfetched)
    })?;
    let failed = |source| WorkerError::Encoder { field: field.clone(), source };
    let facts = checkpoint.facts();
    if facts.weights_digest != model.facts.weights_digest
        || facts.tokenizer_digest != model.facts.tokenizer_digest
    {
        let reason = format!("the checkpoint `{}` has changed since the study was planned", model.source);
        return Err(WorkerError::Task { reason });
    }
    Ok(Loaded {
        encoder: checkpoint.load_on(device, precision).map_err(failed)?,
        tokenizer: checkpoint.tokenizer().map_err(failed)?,
    })
}
