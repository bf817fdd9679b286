//! Rows of an encoder run over text.
//!
//! The packing rule is part of the plan: consecutive rows of the dataset go into one forward pass until the next one would
//! exceed the token budget. Sequences are packed without padding, so nothing but the text decides what a pass holds.

#[cfg(test)]
mod tests;
mod words;

use self::words::{WordColumns, Words};
use super::{RowSink, Sources};
use crate::dataset::{DatasetError, Frequencies, Row, frequencies, read_columns, read_texts};
use crate::error::WorkerError;
use crate::models::Loaded;
use crate::rows::{Column, Columns, token_row};
use isoscope_core::result::Tally;
use isoscope_core::study::{DatasetSpec, Exclude, Format, OnLongText, Unit};
use isoscope_encoders::{EncodedText, HiddenStateSink, SinkError, TokenBatch};
use ndarray::{Array2, ArrayView2, Axis};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) fn shard(
    sources: &Sources<'_>,
    shard: u64,
    loaded: &Loaded,
    sink: &mut dyn RowSink,
) -> Result<Tally, WorkerError> {
    let subject = sources.subject;
    let (spec, facts, base) = (&subject.dataset, &subject.dataset_facts, sources.base);
    let failed =
        |source: DatasetError| WorkerError::Dataset { field: format!("dataset.{}", spec.name), source };
    let range = subject.rows(shard);
    let rows = read_texts(spec, facts, base, range.clone()).map_err(failed)?;
    let columns = read_columns(spec, facts, base, range, &rows).map_err(failed)?;
    let frequencies = frequencies(spec, facts, base).map_err(failed)?;
    let fields = word_fields(spec, facts.format);
    let batch = Packed::new(facts.format, frequencies.is_some(), &fields);
    let tally = Tally::default();
    let mut packer = Packer { sources, loaded, sink, columns, frequencies, fields, batch, tally };
    for (i, row) in rows.iter().enumerate() {
        packer.add(i, row)?;
    }
    packer.flush()?;
    Ok(packer.tally)
}

/// Names of the columns that annotated words take along.
fn word_fields(spec: &DatasetSpec, format: Format) -> Vec<String> {
    if format != Format::Conllu {
        return Vec::new();
    }
    let label = spec.label.as_ref().map(|_| "label".to_owned());
    label.into_iter().chain(spec.carry.iter().cloned()).collect()
}

/// Sequences of one forward pass, and which of their tokens become rows.
struct Packed {
    tokens: TokenBatch,
    kept: Vec<usize>,
    columns: Columns,
    /// Row of the shard that each row comes from.
    origins: Vec<usize>,
    words: WordColumns,
}

impl Packed {
    fn new(format: Format, frequency: bool, fields: &[String]) -> Self {
        Self {
            tokens: TokenBatch::default(),
            kept: Vec::new(),
            columns: Columns::default(),
            origins: Vec::new(),
            words: WordColumns::new(format == Format::Conllu, frequency, fields),
        }
    }
}

struct Packer<'a, 's> {
    sources: &'a Sources<'a>,
    loaded: &'a Loaded,
    sink: &'s mut dyn RowSink,
    /// Columns of the shard's rows of the dataset.
    columns: BTreeMap<String, Column>,
    frequencies: Option<Arc<Frequencies>>,
    fields: Vec<String>,
    batch: Packed,
    tally: Tally,
}

impl Packer<'_, '_> {
    /// Adds row `i` of the shard.
    fn add(&mut self, i: usize, row: &Row) -> Result<(), WorkerError> {
        self.tally.dataset_rows += 1;
        if self.columns.get("split").is_some_and(|split| !split.is_valid(i)) {
            return Ok(()); // neither to train on nor to measure
        }
        let texts = row.texts.iter().map(|text| self.tokenize(row.index, text));
        let texts = texts.collect::<Result<Vec<_>, WorkerError>>()?;
        let tokens: usize = texts.iter().map(|t| t.ids.len()).sum();
        let budget = self.sources.plan.batch_tokens() as usize;
        if self.batch.tokens.tokens() > 0 && self.batch.tokens.tokens() + tokens > budget {
            self.flush()?;
        }
        let annotated = self.sources.subject.dataset_facts.format == Format::Conllu;
        for (side, (text, encoded)) in row.texts.iter().zip(&texts).enumerate() {
            let sentence = row.index as i64 * row.texts.len() as i64 + side as i64;
            let words = if annotated { Words::Annotated(text, &row.words) } else { Words::Plain(text) };
            self.push(i, sentence, words, encoded, row.gold);
        }
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

    fn push(
        &mut self,
        origin: usize,
        sentence: i64,
        words: Words<'_>,
        text: &EncodedText,
        gold: Option<f64>,
    ) {
        let representation = &self.sources.plan.study.representation;
        let excluded = &representation.exclude.0;
        let batch = &mut self.batch;
        let first = batch.tokens.tokens();
        batch.tokens.push(&text.ids);
        let places = words.places(text);
        let mut known = None;
        let before = batch.kept.len();
        for (position, ((&id, &special), &place)) in
            text.ids.iter().zip(&text.special).zip(&places).enumerate()
        {
            if special && excluded.contains(&Exclude::Special) {
                continue;
            }
            // The mean over the tokens that are left of a word is not the mean over the word.
            if representation.unit == Unit::Word && words.is_cut(text, place) {
                continue;
            }
            batch.kept.push(first + position);
            batch.origins.push(origin);
            let columns = &mut batch.columns;
            columns.row.push(token_row(sentence, position));
            columns.sentence.push(sentence);
            columns.token_id.push(i64::from(id));
            columns.position.push(position as i64);
            columns.word_place.push(i64::from(place));
            columns.gold.extend(gold);
            batch.words.push(words, text, place, self.frequencies.as_deref(), &mut known);
        }
        self.tally.texts += 1;
        self.tally.tokens += text.ids.len() as u64;
        self.tally.texts_without_rows += u64::from(batch.kept.len() == before);
    }

    fn flush(&mut self) -> Result<(), WorkerError> {
        let next =
            Packed::new(self.sources.subject.dataset_facts.format, self.frequencies.is_some(), &self.fields);
        let Packed { tokens, kept, mut columns, origins, words } = std::mem::replace(&mut self.batch, next);
        if kept.is_empty() {
            return Ok(());
        }
        columns.more =
            self.columns.iter().map(|(name, column)| (name.clone(), column.select(&origins))).collect();
        words.give(&mut columns.more);
        let layers = &self.sources.subject.layers;
        let mut keeper = Keeper { layers, kept: &kept, columns: &columns, sink: self.sink, failed: None };
        let done = self.loaded.encoder.encode(&tokens, &mut keeper);
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
    kept: &'a [usize],
    columns: &'a Columns,
    sink: &'s mut dyn RowSink,
    failed: Option<WorkerError>,
}

impl HiddenStateSink for Keeper<'_, '_> {
    fn wants(&self, layer: usize) -> bool {
        self.layers.contains(&(layer as u32))
    }

    fn layer(&mut self, layer: usize, states: ArrayView2<'_, f32>) -> Result<(), SinkError> {
        let Some(place) = self.layers.iter().position(|&l| l as usize == layer) else { return Ok(()) };
        let rows: Array2<f32> = states.select(Axis(0), self.kept);
        if let Err(error) = self.sink.rows(place, rows.view(), self.columns) {
            let message = error.to_string();
            self.failed = Some(error);
            return Err(message.into());
        }
        Ok(())
    }
}
