//! Texts on their way into forward passes: tokenized, packed, and described row by row.
//!
//! The packing rule is part of the plan: consecutive rows of the dataset go into one forward pass until the next one would
//! exceed the token budget. Sequences are packed without padding, so nothing but the text decides what a pass holds.

use super::words::{WordColumns, Words};
use crate::dataset::{DatasetError, Frequencies, Row, frequencies, read_columns, read_texts};
use crate::error::WorkerError;
use crate::rows::{Column, Columns, token_row};
use isoscope_core::plan::Subject;
use isoscope_core::pooling::RowKind;
use isoscope_core::result::Tally;
use isoscope_core::study::{DatasetSpec, Exclude, Format, OnLongText, Study, Unit};
use isoscope_encoders::{EncodedText, TextTokenizer, TokenBatch};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::vec::IntoIter;

/// Sequences of one forward pass, and which of their tokens become rows.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// The sequences.
    pub(crate) tokens: TokenBatch,
    /// Places of the tokens that become rows, ascending.
    pub(crate) kept: Vec<usize>,
    /// What is known of those rows.
    pub(crate) columns: Columns,
}

impl Batch {
    /// Cuts the batch in two between sequences.
    pub(crate) fn halves(&self) -> (Self, Self) {
        let (first, second) = self.tokens.split(self.tokens.sequences() / 2);
        let kept = self.kept.partition_point(|&place| place < first.tokens());
        let places: Vec<usize> = (0..self.kept.len()).collect();
        let after = self.kept[kept..].iter().map(|place| place - first.tokens()).collect();
        (
            Self {
                kept: self.kept[..kept].to_vec(),
                columns: self.columns.select(&places[..kept]),
                tokens: first,
            },
            Self { kept: after, columns: self.columns.select(&places[kept..]), tokens: second },
        )
    }
}

/// Which texts are packed, and how.
#[derive(Clone, Copy)]
pub(crate) struct Packing<'a> {
    /// Token policy.
    pub(crate) study: &'a Study,
    /// Most tokens in a forward pass.
    pub(crate) budget: usize,
    /// An encoder on a dataset of text.
    pub(crate) subject: &'a Subject,
    /// Directory that relative sources are resolved against.
    pub(crate) base: &'a Path,
    /// Tokenizer of the encoder.
    pub(crate) tokenizer: &'a TextTokenizer,
}

/// A row of the dataset, tokenized.
struct Tokenized {
    /// Place of the row in the shard.
    origin: usize,
    row: Row,
    texts: Vec<EncodedText>,
}

/// Packs the rows of one shard, one forward pass at a time.
pub(crate) struct Packer<'a> {
    packing: Packing<'a>,
    rows: std::iter::Enumerate<IntoIter<Row>>,
    /// The row that did not fit into the last pass.
    waiting: Option<Tokenized>,
    /// Columns of the shard's rows of the dataset.
    columns: BTreeMap<String, Column>,
    frequencies: Option<Arc<Frequencies>>,
    fields: Vec<String>,
    tally: Tally,
}

impl<'a> Packer<'a> {
    /// Reads the rows of a shard.
    ///
    /// # Errors
    /// When the dataset cannot be read, or is no longer what was surveyed.
    pub(crate) fn new(packing: Packing<'a>, shard: u64) -> Result<Self, WorkerError> {
        let Packing { subject, base, .. } = packing;
        let (spec, facts) = (&subject.dataset, &subject.dataset_facts);
        let failed =
            |source: DatasetError| WorkerError::Dataset { field: format!("dataset.{}", spec.name), source };
        let range = subject.rows(shard);
        let rows = read_texts(spec, facts, base, range.clone()).map_err(failed)?;
        let columns = read_columns(spec, facts, base, range, &rows).map_err(failed)?;
        let frequencies = frequencies(spec, facts, base).map_err(failed)?;
        let fields = word_fields(spec, facts.format);
        let (rows, tally) = (rows.into_iter().enumerate(), Tally::default());
        Ok(Self { packing, rows, waiting: None, columns, frequencies, fields, tally })
    }

    /// Packs the next forward pass that yields rows; none at the end of the shard.
    ///
    /// # Errors
    /// When a text cannot be tokenized, or is too long and the study says that this is an error.
    pub(crate) fn next(&mut self) -> Result<Option<Batch>, WorkerError> {
        loop {
            let Some(first) = self.next_row()? else { return Ok(None) };
            let batch = self.pack(first)?;
            if !batch.kept.is_empty() {
                return Ok(Some(batch));
            }
        }
    }

    /// Counts of what has been packed so far.
    pub(crate) fn tally(&self) -> Tally {
        self.tally
    }

    /// Packs `first` and the rows after it that fit beside it.
    fn pack(&mut self, first: Tokenized) -> Result<Batch, WorkerError> {
        let budget = self.packing.budget;
        let annotated = self.packing.subject.dataset_facts.format == Format::Conllu;
        let words = WordColumns::new(annotated, self.frequencies.is_some(), &self.fields);
        let mut batch = Growing { batch: Batch::default(), origins: Vec::new(), words };
        let mut next = Some(first);
        while let Some(row) = next {
            let tokens: usize = row.texts.iter().map(|text| text.ids.len()).sum();
            let packed = batch.batch.tokens.tokens();
            if packed > 0 && packed + tokens > budget {
                self.waiting = Some(row);
                break;
            }
            self.add(&row, annotated, &mut batch);
            next = self.next_row()?;
        }
        let Growing { mut batch, origins, words } = batch;
        let selected = self.columns.iter().map(|(name, column)| (name.clone(), column.select(&origins)));
        batch.columns.more = selected.collect();
        words.give(&mut batch.columns.more);
        Ok(batch)
    }

    fn next_row(&mut self) -> Result<Option<Tokenized>, WorkerError> {
        if let Some(row) = self.waiting.take() {
            return Ok(Some(row));
        }
        while let Some((origin, row)) = self.rows.next() {
            self.tally.dataset_rows += 1;
            if self.columns.get("split").is_some_and(|split| !split.is_valid(origin)) {
                continue; // neither to train on nor to measure
            }
            let texts = row.texts.iter().map(|text| self.tokenize(row.index, text));
            let texts = texts.collect::<Result<Vec<_>, WorkerError>>()?;
            return Ok(Some(Tokenized { origin, row, texts }));
        }
        Ok(None)
    }

    fn tokenize(&self, row: u64, text: &str) -> Result<EncodedText, WorkerError> {
        let Packing { study, subject, tokenizer, .. } = self.packing;
        let limit = subject.max_tokens;
        let encoded = tokenizer
            .encode(text, limit as usize)
            .map_err(|source| WorkerError::Encoder { field: String::new(), source })?;
        if encoded.truncated > 0 && study.representation.on_long_text == OnLongText::Error {
            return Err(WorkerError::LongText { dataset: subject.dataset.name.clone(), row, limit });
        }
        Ok(encoded)
    }

    fn add(&mut self, tokenized: &Tokenized, annotated: bool, batch: &mut Growing) {
        let Tokenized { origin, row, texts } = tokenized;
        for (side, (text, encoded)) in row.texts.iter().zip(texts).enumerate() {
            let sentence = row.index as i64 * row.texts.len() as i64 + side as i64;
            let words = if annotated { Words::Annotated(text, &row.words) } else { Words::Plain(text) };
            let before = batch.batch.kept.len();
            self.push(*origin, sentence, words, encoded, row.gold, batch);
            self.tally.texts += 1;
            self.tally.tokens += encoded.ids.len() as u64;
            self.tally.texts_without_rows += u64::from(batch.batch.kept.len() == before);
            self.tally.truncated_texts += u64::from(encoded.truncated > 0);
            self.tally.truncated_tokens += encoded.truncated as u64;
        }
    }

    fn push(
        &self,
        origin: usize,
        sentence: i64,
        words: Words<'_>,
        text: &EncodedText,
        gold: Option<f64>,
        batch: &mut Growing,
    ) {
        let representation = &self.packing.study.representation;
        let whole = self.packing.subject.row_kind().is_some_and(RowKind::takes_all_tokens);
        let excludes = representation.exclude.0.contains(&Exclude::Special);
        let is_empty = excludes && text.special.iter().all(|&special| special);
        let Growing { batch, origins, words: word_columns } = batch;
        let first = batch.tokens.tokens();
        batch.tokens.push(&text.ids);
        let places = words.places(text);
        let mut known = None;
        for (position, ((&id, &special), &place)) in
            text.ids.iter().zip(&text.special).zip(&places).enumerate()
        {
            // A text of which the policy keeps no token has no row, even where the checkpoint pools what surrounds it: so the same
            // texts have rows, whatever encoder reads them.
            if excludes && special && (is_empty || !whole) {
                continue;
            }
            // The mean over the tokens that are left of a word is not the mean over the word.
            if representation.unit == Unit::Word && words.is_cut(text, place) {
                continue;
            }
            batch.kept.push(first + position);
            origins.push(origin);
            let columns = &mut batch.columns;
            columns.row.push(token_row(sentence, position));
            columns.sentence.push(sentence);
            columns.token_id.push(i64::from(id));
            columns.position.push(position as i64);
            columns.word_place.push(i64::from(place));
            columns.gold.extend(gold);
            word_columns.push(words, text, place, self.frequencies.as_deref(), &mut known);
        }
    }
}

/// A batch that still grows.
struct Growing {
    batch: Batch,
    /// Row of the shard that each row comes from.
    origins: Vec<usize>,
    words: WordColumns,
}

/// Names of the columns that annotated words take along.
fn word_fields(spec: &DatasetSpec, format: Format) -> Vec<String> {
    if format != Format::Conllu {
        return Vec::new();
    }
    let label = spec.label.as_ref().map(|_| "label".to_owned());
    label.into_iter().chain(spec.carry.iter().cloned()).collect()
}
