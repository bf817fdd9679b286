//! Encoding alone: the rows of every layer, in the order of the input, for those who want vectors and measure elsewhere.
//!
//! Texts are cut, tokenized and packed by the code of a study's passes, so the rows are those that a study sees. One thread takes
//! a batch after the other and pushes its rows layer by layer; nothing is held but the batches in work.

mod batches;
mod error;
mod files;
mod handover;

pub use error::EncodeError;
pub use files::{FilesError, RowFiles};

use crate::dataset::{self, IdLimits, TokenIds};
use crate::error::WorkerError;
use crate::lease::numerics_class;
use crate::models::{self, Opened};
use crate::source::{Packing, forward};
use batches::{Batches, IdBatches, TextBatches};
use files::Turns;
use handover::Handover;
use isoscope_core::facts::ModelFacts;
use isoscope_core::plan::{Reading, Subject, batch_tokens};
use isoscope_core::pooling::RowKind;
use isoscope_core::result::Tally;
use isoscope_core::study::{Exclude, Representation, Study, Unit};
use isoscope_encoders::{ComputeDevice, Encoder, TextTokenizer};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::thread;

/// Field of the study that names the encoder.
const FIELD: &str = "model[0].source";

/// An encoder and what it is to encode.
pub struct Encoding {
    study: Study,
    /// Most tokens in a forward pass.
    budget: usize,
    base: PathBuf,
    facts: ModelFacts,
    encoder: Box<dyn Encoder>,
    reading: Reading,
    input: Input,
}

/// Where tokens come from.
enum Input {
    Texts { subject: Box<Subject>, tokenizer: TextTokenizer },
    Ids { file: PathBuf, excluded: BTreeSet<u32>, tokenizer: Option<TextTokenizer> },
}

impl Encoding {
    /// Opens the first encoder of a study and surveys its first dataset. Of the study only these two, the representation and the
    /// token budget matter.
    ///
    /// # Errors
    /// A checkpoint or dataset that cannot be used, layers or a token limit that the encoder does not have.
    pub fn of_texts(study: Study, base: &Path, device: &ComputeDevice) -> Result<Self, EncodeError> {
        let spec = study.dataset.first().ok_or_else(|| WorkerError::task("no dataset is named"))?;
        let survey = dataset::survey(spec, base);
        let survey =
            survey.map_err(|source| WorkerError::Dataset { field: "dataset[0]".to_owned(), source })?;
        let opened = models::open(source(&study)?, FIELD, base, true)?;
        let facts = models::facts(&opened);
        let reading = Reading::new(&study, &facts)?;
        let subject = Box::new(Subject::encoded(&study, &numerics_class(device), &facts, &survey)?);
        let tokenizer = opened.checkpoint.tokenizer().map_err(unusable)?;
        Self::load(study, base, &opened, device, reading, Input::Texts { subject, tokenizer })
    }

    /// Opens the first encoder of a study for the token ids in `file`, one JSON array a line. The checkpoint needs a tokenizer only
    /// when the study excludes its special tokens.
    ///
    /// # Errors
    /// A checkpoint that cannot be used, layers or a token limit that the encoder does not have, words as the unit.
    pub fn of_token_ids(
        study: Study,
        file: &Path,
        base: &Path,
        device: &ComputeDevice,
    ) -> Result<Self, EncodeError> {
        if study.representation.unit == Unit::Word {
            return Err(EncodeError::WordsOfIds);
        }
        let opened = models::open(source(&study)?, FIELD, base, false)?;
        let checkpoint = &opened.checkpoint;
        let reading = Reading::new(&study, &models::facts(&opened))?;
        let excludes = study.representation.exclude.0.contains(&Exclude::Special);
        let has_tokenizer = !checkpoint.facts().tokenizer_digest.is_empty();
        let tokenizer = (excludes || has_tokenizer).then(|| checkpoint.tokenizer()).transpose();
        let tokenizer = tokenizer.map_err(unusable)?;
        let added = tokenizer.as_ref().filter(|_| excludes).map(|tokenizer| tokenizer.encode("", usize::MAX));
        let added = added.transpose().map_err(unusable)?;
        let excluded = added.map(|text| text.ids.into_iter().collect()).unwrap_or_default();
        let input = Input::Ids { file: base.join(file), excluded, tokenizer };
        Self::load(study, base, &opened, device, reading, input)
    }

    fn load(
        study: Study,
        base: &Path,
        opened: &Opened,
        device: &ComputeDevice,
        reading: Reading,
        input: Input,
    ) -> Result<Self, EncodeError> {
        let precision = models::precision(study.representation.dtype);
        let encoder = opened.checkpoint.load_on(device, precision).map_err(unusable)?;
        let facts = models::facts(opened);
        let budget = batch_tokens(&study, &numerics_class(device)) as usize;
        Ok(Self { study, budget, base: base.to_owned(), facts, encoder, reading, input })
    }

    /// What is known of the encoder.
    #[must_use]
    pub fn facts(&self) -> &ModelFacts {
        &self.facts
    }

    /// The layers that are encoded, ascending. Rows name a layer by its place in this list.
    #[must_use]
    pub fn layers(&self) -> &[u32] {
        &self.reading.layers
    }

    /// Which hidden states become rows.
    #[must_use]
    pub fn representation(&self) -> &Representation {
        &self.study.representation
    }

    /// Most tokens in a forward pass.
    #[must_use]
    pub fn batch_tokens(&self) -> usize {
        self.budget
    }

    /// Longest text in tokens, special tokens included.
    #[must_use]
    pub fn max_tokens(&self) -> u32 {
        self.reading.max_tokens
    }

    /// Texts in a row of the dataset: 2 for pairs.
    #[must_use]
    pub fn sides(&self) -> u32 {
        match &self.input {
            Input::Texts { subject, .. } => subject.dataset_facts.sides,
            Input::Ids { .. } => 1,
        }
    }

    /// Rows of the dataset, when they are known beforehand.
    #[must_use]
    pub fn dataset_rows(&self) -> Option<u64> {
        match &self.input {
            Input::Texts { subject, .. } => Some(subject.dataset_facts.rows),
            Input::Ids { .. } => None,
        }
    }

    /// `sha256:` of the dataset, when it was surveyed.
    #[must_use]
    pub fn dataset_digest(&self) -> Option<&str> {
        match &self.input {
            Input::Texts { subject, .. } => Some(&subject.dataset_facts.digest),
            Input::Ids { .. } => None,
        }
    }

    /// The tokenizer, if there is one.
    #[must_use]
    pub fn tokenizer(&self) -> Option<&TextTokenizer> {
        match &self.input {
            Input::Texts { tokenizer, .. } => Some(tokenizer),
            Input::Ids { tokenizer, .. } => tokenizer.as_ref(),
        }
    }

    /// Encodes everything on `threads` threads and hands the rows to `files`; `watch` is told the rows of the dataset read so far.
    /// The rows and their order do not depend on the number of threads. Ends early when `stop` is set.
    ///
    /// # Errors
    /// The first failure in the order of the input, whichever thread met it.
    pub fn run(
        &self,
        threads: usize,
        files: &dyn RowFiles,
        watch: &(dyn Fn(u64) + Sync),
        stop: &AtomicBool,
    ) -> Result<Tally, EncodeError> {
        let turns = Turns::new(self.batches()?, self.row_kind(), files, stop);
        thread::scope(|scope| {
            for _ in 0..threads.max(1) {
                scope.spawn(|| self.work(&turns, watch));
            }
        });
        turns.end()
    }

    /// Takes batches until there are none, or something failed.
    fn work(&self, turns: &Turns<'_>, watch: &(dyn Fn(u64) + Sync)) {
        while let Some(turn) = turns.next() {
            watch(turn.dataset_rows);
            let mut sink = Handover::new(turn.first, self, turns.files);
            let done =
                forward(self.encoder.as_ref(), &turn.batch, &self.reading.layers, &mut sink).map(|_| ());
            if let Err(error) = sink.outcome(done) {
                turns.fail(turn.number, error, Some(turn.first));
            }
        }
    }

    fn batches(&self) -> Result<Box<dyn Batches + '_>, EncodeError> {
        Ok(match &self.input {
            Input::Texts { subject, tokenizer } => {
                let packing =
                    Packing { study: &self.study, budget: self.budget, subject, base: &self.base, tokenizer };
                Box::new(TextBatches::new(packing))
            }
            Input::Ids { file, excluded, .. } => {
                let limits =
                    IdLimits { vocab: self.encoder.facts().vocab, tokens: self.reading.max_tokens as usize };
                let failed = |source| WorkerError::Dataset { field: "token_ids".to_owned(), source };
                let texts = TokenIds::open(file, limits).map_err(failed)?;
                Box::new(IdBatches::new(texts, excluded, self.row_kind().takes_all_tokens(), self.budget))
            }
        })
    }

    /// What one row is.
    #[must_use]
    pub fn row_kind(&self) -> RowKind {
        self.reading.rows
    }
}

fn source(study: &Study) -> Result<models::Source<'_>, WorkerError> {
    let model = study.model.first().ok_or_else(|| WorkerError::task("no encoder is named"))?;
    Ok(models::Source { source: &model.source, base: model.base.as_deref() })
}

fn unusable(source: isoscope_encoders::EncoderError) -> WorkerError {
    WorkerError::Encoder { field: FIELD.to_owned(), source }
}

/// A lock of a thread that panicked holds what it held; the panic is reported when the threads are joined.
fn held<T>(lock: std::sync::LockResult<T>) -> T {
    lock.unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
