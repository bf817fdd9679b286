//! Loaded encoders, shared by the tasks of a worker.

use crate::error::WorkerError;
use isoscope_core::plan::PlannedModel;
use isoscope_encoders::{Checkpoint, Encoder, TextTokenizer};
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
#[derive(Default)]
pub struct Models {
    loaded: Mutex<Vec<(String, Arc<Loaded>)>>,
}

impl Models {
    /// Returns the encoder of a plan, loading it when it is not in memory.
    ///
    /// # Errors
    /// When the checkpoint cannot be read, or is no longer the one that was planned with.
    pub fn get(&self, model: &PlannedModel, base: &Path) -> Result<Arc<Loaded>, WorkerError> {
        // Held while loading, so that two tasks never load the same weights.
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let key = format!("{} {}", model.facts.weights_digest, model.facts.tokenizer_digest);
        if let Some(i) = loaded.iter().position(|(known, _)| *known == key) {
            let hit = loaded.remove(i);
            let found = Arc::clone(&hit.1);
            loaded.push(hit);
            return Ok(found);
        }
        let fresh = Arc::new(load(model, base)?);
        if loaded.len() >= KEPT {
            loaded.remove(0);
        }
        loaded.push((key, Arc::clone(&fresh)));
        Ok(fresh)
    }
}

fn load(model: &PlannedModel, base: &Path) -> Result<Loaded, WorkerError> {
    let failed = |source| WorkerError::Encoder { field: format!("model.{}.source", model.name), source };
    let checkpoint = Checkpoint::open(&base.join(&model.source)).map_err(failed)?;
    let facts = checkpoint.facts();
    if facts.weights_digest != model.facts.weights_digest
        || facts.tokenizer_digest != model.facts.tokenizer_digest
    {
        let reason = format!("the checkpoint `{}` has changed since the study was planned", model.source);
        return Err(WorkerError::Task { reason });
    }
    Ok(Loaded {
        encoder: checkpoint.load().map_err(failed)?,
        tokenizer: checkpoint.tokenizer().map_err(failed)?,
    })
}
