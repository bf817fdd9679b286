//! Where batches come from: texts of a dataset, or token ids.

use crate::dataset::{DatasetError, TokenIds};
use crate::error::WorkerError;
use crate::rows::token_row;
use crate::source::{Batch, Packer, Packing};
use isoscope_core::result::Tally;
use std::collections::BTreeSet;

/// Batches in the order of the input.
pub(super) trait Batches: Send {
    /// Packs the next forward pass that yields rows; none at the end.
    fn next(&mut self) -> Result<Option<Batch>, WorkerError>;

    /// Counts of what has been packed so far.
    fn tally(&self) -> Tally;
}

/// The texts of a dataset, shard after shard as a pass takes them: a batch never reaches from one shard into the next.
pub(super) struct TextBatches<'a> {
    packing: Packing<'a>,
    shard: u64,
    packer: Option<Packer<'a>>,
    done: Tally,
}

impl<'a> TextBatches<'a> {
    /// Begins at the first row.
    pub(super) fn new(packing: Packing<'a>) -> Self {
        Self { packing, shard: 0, packer: None, done: Tally::default() }
    }
}

impl Batches for TextBatches<'_> {
    fn next(&mut self) -> Result<Option<Batch>, WorkerError> {
        loop {
            let packer = match &mut self.packer {
                Some(packer) => packer,
                None if self.shard == self.packing.subject.shards => return Ok(None),
                none => none.insert(Packer::new(self.packing, self.shard)?),
            };
            if let Some(batch) = packer.next()? {
                return Ok(Some(batch));
            }
            self.done.add(&packer.tally());
            self.packer = None;
            self.shard += 1;
        }
    }

    fn tally(&self) -> Tally {
        let mut tally = self.done;
        if let Some(packer) = &self.packer {
            tally.add(&packer.tally());
        }
        tally
    }
}

/// Token ids, packed by the rule for texts.
pub(super) struct IdBatches<'a> {
    texts: TokenIds,
    excluded: &'a BTreeSet<u32>,
    /// Keeps all tokens of a text of which one is kept.
    whole: bool,
    budget: usize,
    /// The text that did not fit into the last batch.
    waiting: Option<Vec<u32>>,
    tally: Tally,
}

impl<'a> IdBatches<'a> {
    /// Begins at the first text; tokens whose ids are `excluded` become no rows, except in a `whole` text, one token of which is not.
    pub(super) fn new(texts: TokenIds, excluded: &'a BTreeSet<u32>, whole: bool, budget: usize) -> Self {
        Self { texts, excluded, whole, budget, waiting: None, tally: Tally::default() }
    }

    fn next_text(&mut self) -> Result<Option<Vec<u32>>, WorkerError> {
        if let Some(ids) = self.waiting.take() {
            return Ok(Some(ids));
        }
        let failed = |source: DatasetError| WorkerError::Dataset { field: "token_ids".to_owned(), source };
        self.texts.next_text().map_err(failed)
    }

    fn push(&mut self, batch: &mut Batch, ids: &[u32]) {
        let (first, before) = (batch.tokens.tokens(), batch.kept.len());
        let sentence = self.tally.texts as i64;
        batch.tokens.push(ids);
        let is_kept = |id: &u32| !self.excluded.contains(id);
        let all = self.whole && ids.iter().any(is_kept);
        for (position, id) in ids.iter().enumerate().filter(|(_, id)| all || is_kept(id)) {
            batch.kept.push(first + position);
            let columns = &mut batch.columns;
            columns.row.push(token_row(sentence, position));
            columns.sentence.push(sentence);
            columns.token_id.push(i64::from(*id));
            columns.position.push(position as i64);
        }
        self.tally.dataset_rows += 1;
        self.tally.texts += 1;
        self.tally.tokens += ids.len() as u64;
        self.tally.texts_without_rows += u64::from(batch.kept.len() == before);
    }
}

impl Batches for IdBatches<'_> {
    fn next(&mut self) -> Result<Option<Batch>, WorkerError> {
        loop {
            let mut batch = Batch::default();
            while let Some(ids) = self.next_text()? {
                let packed = batch.tokens.tokens();
                if packed > 0 && packed + ids.len() > self.budget {
                    self.waiting = Some(ids);
                    break;
                }
                self.push(&mut batch, &ids);
            }
            if !batch.kept.is_empty() {
                return Ok(Some(batch));
            }
            if batch.tokens.tokens() == 0 {
                return Ok(None);
            }
        }
    }

    fn tally(&self) -> Tally {
        self.tally
    }
}
