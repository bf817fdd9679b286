//! Rows of an encoder run over text.
//!
//! The packing rule is part of the plan: consecutive rows of the dataset go into one forward pass until the next one would
//! exceed the token budget. Sequences are packed without padding, so nothing but the text decides what a pass holds.

use super::{RowSink, Sources};
use crate::dataset::{Row, read_texts};
use crate::error::WorkerError;
use crate::models::Loaded;
use crate::rows::{Columns, token_row};
use isoscope_core::result::Tally;
use isoscope_core::study::{Exclude, OnLongText};
use isoscope_encoders::{EncodedText, HiddenStateSink, SinkError, TokenBatch};
use ndarray::{Array2, ArrayView2, Axis};

pub(super) fn shard(
    sources: &Sources<'_>,
    shard: u64,
    loaded: &Loaded,
    sink: &mut dyn RowSink,
) -> Result<Tally, WorkerError> {
    let subject = sources.subject;
    let range = subject.rows(shard);
    let rows =
        read_texts(&subject.dataset, &subject.dataset_facts, sources.base, range).map_err(|source| {
            WorkerError::Dataset { field: format!("dataset.{}", subject.dataset.name), source }
        })?;
    let mut packer = Packer { sources, loaded, sink, batch: Packed::default(), tally: Tally::default() };
    for row in &rows {
        packer.add(row)?;
    }
    packer.flush()?;
    Ok(packer.tally)
}

/// Sequences of one forward pass, and which of their tokens become rows.
#[derive(Default)]
struct Packed {
    tokens: TokenBatch,
    kept: Vec<usize>,
    columns: Columns,
}

struct Packer<'a, 's> {
    sources: &'a Sources<'a>,
    loaded: &'a Loaded,
    sink: &'s mut dyn RowSink,
    batch: Packed,
    tally: Tally,
}

impl Packer<'_, '_> {
    fn add(&mut self, row: &Row) -> Result<(), WorkerError> {
        let texts = row.texts.iter().map(|text| self.tokenize(row.index, text));
        let texts = texts.collect::<Result<Vec<_>, WorkerError>>()?;
        let tokens: usize = texts.iter().map(|t| t.ids.len()).sum();
        let budget = self.sources.plan.study.plan.batch_tokens as usize;
        if self.batch.tokens.tokens() > 0 && self.batch.tokens.tokens() + tokens > budget {
            self.flush()?;
        }
        for (side, text) in texts.iter().enumerate() {
            let sentence = row.index as i64 * row.texts.len() as i64 + side as i64;
            self.push(sentence, text, row.gold);
        }
        self.tally.dataset_rows += 1;
        Ok(())
    }

    fn tokenize(&mut self, row: u64, text: &str) -> Result<EncodedText, WorkerError> {
        let subject = self.sources.subject;
        let limit = subject.max_tokens;
        let encoded = self
            .loaded
            .tokenizer
            .encode(text, limit as usize)
            .map_err(|source| WorkerError::Encoder { field: String::new(), source })?;
        if encoded.truncated > 0 {
            if self.sources.plan.study.representation.on_long_text == OnLongText::Error {
                return Err(WorkerError::LongText { dataset: subject.dataset.name.clone(), row, limit });
            }
            self.tally.truncated_texts += 1;
            self.tally.truncated_tokens += encoded.truncated as u64;
        }
        Ok(encoded)
    }

    fn push(&mut self, sentence: i64, text: &EncodedText, gold: Option<f64>) {
        let excluded = &self.sources.plan.study.representation.exclude.0;
        let first = self.batch.tokens.tokens();
        self.batch.tokens.push(&text.ids);
        let mut rows = 0;
        for (position, (&id, &special)) in text.ids.iter().zip(&text.special).enumerate() {
            if special && excluded.contains(&Exclude::Special) {
                continue;
            }
            self.batch.kept.push(first + position);
            let columns = &mut self.batch.columns;
            columns.row.push(token_row(sentence, position));
            columns.sentence.push(sentence);
            columns.token_id.push(i64::from(id));
            columns.position.push(position as i64);
            columns.gold.extend(gold);
            rows += 1;
        }
        self.tally.texts += 1;
        self.tally.tokens += text.ids.len() as u64;
        self.tally.texts_without_rows += u64::from(rows == 0);
    }

    fn flush(&mut self) -> Result<(), WorkerError> {
        let batch = std::mem::take(&mut self.batch);
        if batch.kept.is_empty() {
            return Ok(());
        }
        let mut keeper =
            Keeper { layers: &self.sources.subject.layers, batch: &batch, sink: self.sink, failed: None };
        let done = self.loaded.encoder.encode(&batch.tokens, &mut keeper);
        match (keeper.failed, done) {
            (Some(error), _) => Err(error),
            (None, Err(source)) => Err(WorkerError::Encoder { field: String::new(), source }),
            (None, Ok(())) => Ok(()),
        }
    }
}

/// Takes hidden states as the encoder pushes them, and passes on the rows that the token policy keeps.
struct Keeper<'a, 's> {
    layers: &'a [u32],
    batch: &'a Packed,
    sink: &'s mut dyn RowSink,
    failed: Option<WorkerError>,
}

impl HiddenStateSink for Keeper<'_, '_> {
    fn wants(&self, layer: usize) -> bool {
        self.layers.contains(&(layer as u32))
    }

    fn layer(&mut self, layer: usize, states: ArrayView2<'_, f32>) -> Result<(), SinkError> {
        let Some(place) = self.layers.iter().position(|&l| l as usize == layer) else { return Ok(()) };
        let rows: Array2<f32> = states.select(Axis(0), &self.batch.kept);
        if let Err(error) = self.sink.rows(place, rows.view(), &self.batch.columns) {
            let message = error.to_string();
            self.failed = Some(error);
            return Err(message.into());
        }
        Ok(())
    }
}
