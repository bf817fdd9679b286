//! Rows of a precomputed matrix.

use super::{RowSink, Sources};
use crate::dataset::{DatasetError, frequencies, read_column, read_columns, read_matrix};
use crate::error::WorkerError;
use crate::rows::{Column, Columns, Scope};
use isoscope_core::facts::ColumnType;
use isoscope_core::result::Tally;
use ndarray::Axis;
use std::collections::BTreeMap;
use std::ops::Range;

/// Rows handed on at once: enough for matrix products to run at speed, few enough to stay in cache.
const BATCH_ROWS: usize = 2048;

pub(super) fn shard(sources: &Sources<'_>, shard: u64, sink: &mut dyn RowSink) -> Result<Tally, WorkerError> {
    let subject = sources.subject;
    let range = rows_of(sources, shard)?;
    let rows = read_matrix(&subject.dataset, &subject.dataset_facts, sources.base, range.clone())
        .map_err(|source| failed(sources, source))?;
    let columns = described(sources, range.clone())?;
    let split = columns.more.get("split");
    let kept: Vec<usize> =
        (0..rows.nrows()).filter(|&i| split.is_none_or(|split| split.is_valid(i))).collect();
    for places in batches(&kept, &columns.sentence) {
        let first = places.first().copied().unwrap_or_default();
        let batch_columns = columns.select(places);
        if places.last().is_some_and(|last| last - first + 1 == places.len()) {
            let batch = rows.slice_axis(Axis(0), (first..first + places.len()).into());
            sink.wide_rows(batch, &batch_columns)?;
        } else {
            sink.wide_rows(rows.select(Axis(0), places).view(), &batch_columns)?;
        }
    }
    Ok(Tally { dataset_rows: range.end - range.start, ..Tally::default() })
}

/// The rows of a shard. Where rows belong to sentences no pair of them is parted: it belongs to the shard in which it begins.
pub(super) fn rows_of(sources: &Sources<'_>, shard: u64) -> Result<Range<u64>, WorkerError> {
    let (subject, planned) = (sources.subject, sources.subject.rows(shard));
    let (spec, facts) = (&subject.dataset, &subject.dataset_facts);
    let read = |rows: Range<u64>| -> Result<_, WorkerError> {
        let column = read_column(spec, facts, sources.base, &rows, "sentence");
        let column = column.map_err(|source| failed(sources, source))?;
        Ok(column.map(|column| (0..column.len()).filter_map(|i| column.i64(i)).collect::<Vec<_>>()))
    };
    Ok(border(planned.start, facts.rows, &read)?..border(planned.end, facts.rows, &read)?)
}

/// The first row from `at` on, of `rows`, that begins a pair of sentences. `read` gives the sentences of rows, if rows have them.
fn border<E>(at: u64, rows: u64, read: &dyn Fn(Range<u64>) -> Result<Option<Vec<i64>>, E>) -> Result<u64, E> {
    if at == 0 || at >= rows {
        return Ok(at);
    }
    let pair = |sentence: &i64| sentence.div_euclid(2);
    let mut open = None;
    for from in (at - 1..rows).step_by(BATCH_ROWS) {
        let to = rows.min(from + BATCH_ROWS as u64);
        let Some(sentences) = read(from..to)? else { return Ok(at) };
        let open = *open.get_or_insert_with(|| sentences.first().map(pair));
        if let Some(place) = sentences.iter().position(|sentence| Some(pair(sentence)) != open) {
            return Ok(from + place as u64);
        }
    }
    Ok(rows)
}

/// Cuts rows into batches; where rows belong to sentences, each batch ends where a pair of sentences ends.
fn batches<'a>(kept: &'a [usize], sentence: &[i64]) -> Vec<&'a [usize]> {
    let pair = |&place: &usize| sentence.get(place).map(|sentence| sentence.div_euclid(2));
    let mut batches = Vec::new();
    let mut rest = kept;
    while !rest.is_empty() {
        let mut end = rest.len().min(BATCH_ROWS);
        while let (Some(last), Some(next)) = (rest.get(end - 1).and_then(pair), rest.get(end).and_then(pair))
            && last == next
        {
            end += 1;
        }
        let (batch, behind) = rest.split_at(end);
        batches.push(batch);
        rest = behind;
    }
    batches
}

/// Makes the columns of rows of the subject's matrix. Rows whose `split` is missing belong to no part.
pub(super) fn described(sources: &Sources<'_>, range: Range<u64>) -> Result<Columns, WorkerError> {
    let subject = sources.subject;
    let (spec, facts, base) = (&subject.dataset, &subject.dataset_facts, sources.base);
    let failed = |source| failed(sources, source);
    let mut attached = read_columns(spec, facts, base, range.clone(), &[]).map_err(failed)?;
    if let (Some(table), Some(words)) =
        (frequencies(spec, facts, base).map_err(failed)?, attached.get("word"))
    {
        let mut frequency = Column::new(ColumnType::F64, Scope::Word);
        for i in 0..words.len() {
            frequency.push_f64(words.text(i).and_then(|word| table.of(word)));
        }
        attached.insert("frequency".to_owned(), frequency);
    }
    Ok(columns(range.start as i64, (range.end - range.start) as usize, attached))
}

fn failed(sources: &Sources<'_>, source: DatasetError) -> WorkerError {
    WorkerError::Dataset { field: format!("dataset.{}.source", sources.subject.dataset.name), source }
}

/// Puts attached columns whose names rows of text have in their places.
fn columns(first: i64, n: usize, mut attached: BTreeMap<String, Column>) -> Columns {
    let mut whole = |name: &str| {
        let column = attached.remove(name);
        column.map_or_else(Vec::new, |column| (0..n).filter_map(|i| column.i64(i)).collect())
    };
    let (sentence, token_id, position) = (whole("sentence"), whole("token_id"), whole("position"));
    let gold = attached.remove("gold");
    let gold = gold.map_or_else(Vec::new, |column| (0..n).filter_map(|i| column.f64(i)).collect());
    let row = (first..first + n as i64).collect();
    Columns { row, sentence, token_id, position, gold, word_place: Vec::new(), more: attached }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_batch_ends_where_a_pair_of_sentences_ends() {
        let kept: Vec<usize> = (0..BATCH_ROWS + 10).collect();
        let sizes = |sentence: &[i64]| batches(&kept, sentence).iter().map(|b| b.len()).collect::<Vec<_>>();
        assert_eq!(sizes(&[]), [BATCH_ROWS, 10]);
        let pairs: Vec<i64> = (0..kept.len() as i64).map(|i| i / 3).collect();
        let first = sizes(&pairs)[0];
        assert!(first >= BATCH_ROWS && first % 6 == 0, "{first}");
    }

    #[test]
    fn a_pair_of_sentences_belongs_to_the_shard_in_which_it_begins() {
        // Pairs of 3, 1, 2 × BATCH_ROWS and 4 rows.
        let lengths = [3, 1, 2 * BATCH_ROWS, 4];
        let pairs = (0..).zip(lengths).flat_map(|(pair, length)| vec![2 * pair; length]);
        let sentences: Vec<i64> = pairs.collect();
        let rows = sentences.len() as u64;
        let read = |range: Range<u64>| {
            Ok::<_, ()>(Some(sentences[range.start as usize..range.end as usize].to_vec()))
        };
        let places = [0, 1, 2, 3, 4, 5, 4 + BATCH_ROWS as u64, rows - 4, rows - 3, rows];
        let found: Vec<u64> = places.iter().map(|at| border(*at, rows, &read).unwrap()).collect();
        assert_eq!(found, [0, 3, 3, 3, 4, rows - 4, rows - 4, rows - 4, rows, rows]);
        assert_eq!(
            border(7, 10, &|_| Ok::<_, ()>(None)),
            Ok(7),
            "without sentences a shard is what was planned"
        );
    }

    #[test]
    fn attached_columns_stand_where_those_of_text_stand() {
        let whole = |values: &[i64]| Column::of_i64s(values.to_vec(), Scope::Sentence);
        let label = Column::of_texts([Some("a"), None], Scope::Sentence);
        let attached = BTreeMap::from([
            ("sentence".to_owned(), whole(&[4, 4])),
            ("gold".to_owned(), Column::of_f64s(vec![0.5, 1.5], Scope::Sentence)),
            ("head".to_owned(), whole(&[2, 0])),
            ("label".to_owned(), label.clone()),
        ]);
        let columns = columns(10, 2, attached);
        assert_eq!((&columns.row, &columns.sentence), (&vec![10, 11], &vec![4, 4]));
        assert_eq!(columns.gold, [0.5, 1.5]);
        assert!(columns.position.is_empty() && columns.token_id.is_empty());
        assert_eq!(columns.more.keys().collect::<Vec<_>>(), ["head", "label"]);
        assert_eq!(columns.more["label"], label);
    }
}
