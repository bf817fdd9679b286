//! Rows of two clouds, aligned: two encoders over the same tokens, or two matrices.
//!
//! The packing rule depends on tokens alone, so two encoders with the same tokenizer push the same batches. One side of a shard is
//! held while the other is pushed: shards are cut by what both encoders cost, so this is bounded.

use super::{RowSink, Sources, matrix};
use crate::dataset::read_matrix;
use crate::error::WorkerError;
use crate::rows::{self, Columns};
use isoscope_core::plan::{Partner, Subject};
use isoscope_core::pooling::RowKind;
use isoscope_core::result::Tally;
use ndarray::{Array2, ArrayView2, Axis};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Rows of matrices handed on at once.
const BATCH_ROWS: usize = 2048;

pub(super) fn shard(
    sources: &Sources<'_>,
    partner: &Partner,
    shard: u64,
    sink: &mut dyn RowSink,
) -> Result<Tally, WorkerError> {
    if partner.model.is_none() {
        return matrices(sources, partner, shard, sink);
    }
    let (left, right) = sides(sources.subject, partner);
    let kind = |side: &Subject| side.row_kind().unwrap_or(RowKind::Token);
    let mut held = Held { kind: kind(&left), batches: BTreeMap::new(), columns: Vec::new() };
    let tally = sources.of(&left).shard(shard, &mut held)?;
    let mut meeting = Meeting {
        held,
        kind: kind(&right),
        subject: sources.subject,
        partner,
        layers: &left.layers,
        own: &right.layers,
        seen: BTreeMap::new(),
        sink,
    };
    sources.of(&right).shard(shard, &mut meeting)?;
    Ok(tally)
}

/// The two encoders as subjects of their own, each layer once.
fn sides(subject: &Subject, partner: &Partner) -> (Subject, Subject) {
    let once = |layers: &[u32]| {
        let mut layers = layers.to_vec();
        layers.sort_unstable();
        layers.dedup();
        layers
    };
    let left = Subject { partner: None, layers: once(&subject.layers), ..subject.clone() };
    let right = Subject {
        partner: None,
        model: partner.model.clone(),
        layers: once(&partner.layers),
        width: partner.width,
        ..subject.clone()
    };
    (left, right)
}

/// The rows of one side, by layer in the order in which they were pushed. The two sides may pool sentences in different ways, so each is
/// pooled before they meet.
struct Held {
    kind: RowKind,
    batches: BTreeMap<usize, Vec<Batch>>,
    columns: Vec<Vec<i64>>,
}

/// Rows as they came, or pooled.
enum Batch {
    Tokens(Array2<f32>),
    Pooled(Array2<f64>),
}

impl Batch {
    fn wide(&self) -> Cow<'_, Array2<f64>> {
        match self {
            Self::Tokens(rows) => Cow::Owned(rows.mapv(f64::from)),
            Self::Pooled(rows) => Cow::Borrowed(rows),
        }
    }
}

impl RowSink for Held {
    fn rows(
        &mut self,
        layer: usize,
        rows: ArrayView2<'_, f32>,
        columns: &Columns,
    ) -> Result<(), WorkerError> {
        let wide = || rows.mapv(f64::from);
        let pooled =
            if self.kind == RowKind::Token { None } else { rows::pool(self.kind, wide().view(), columns) };
        let (batch, ids) = match pooled {
            Some((pooled, columns)) => (Batch::Pooled(pooled), columns.row),
            None => (Batch::Tokens(rows.to_owned()), columns.row.clone()),
        };
        let batches = self.batches.entry(layer).or_default();
        batches.push(batch);
        if batches.len() > self.columns.len() {
            self.columns.push(ids);
        }
        Ok(())
    }

    fn wide_rows(&mut self, _: ArrayView2<'_, f64>, _: &Columns) -> Result<(), WorkerError> {
        Err(WorkerError::task("an encoder pushes rows of single precision"))
    }
}

/// Takes the rows of the second side and hands on each with those of the first that it meets.
struct Meeting<'a, 's> {
    held: Held,
    kind: RowKind,
    subject: &'a Subject,
    partner: &'a Partner,
    /// Layers of the first side, in the order in which it numbers them.
    layers: &'a [u32],
    /// Layers of the second side likewise.
    own: &'a [u32],
    seen: BTreeMap<usize, usize>,
    sink: &'s mut dyn RowSink,
}

impl RowSink for Meeting<'_, '_> {
    fn rows(
        &mut self,
        layer: usize,
        rows: ArrayView2<'_, f32>,
        columns: &Columns,
    ) -> Result<(), WorkerError> {
        let wide = rows.mapv(f64::from);
        let pooled = rows::pool(self.kind, wide.view(), columns);
        let (wide, columns) = match &pooled {
            Some((pooled, columns)) => (pooled, columns),
            None => (&wide, columns),
        };
        let seen = self.seen.entry(layer).or_default();
        let batch = *seen;
        *seen += 1;
        if self.held.columns.get(batch) != Some(&columns.row) {
            return Err(WorkerError::task(format!(
                "`{}` and `{}` cut the same text into different tokens",
                self.partner.pairing.left, self.partner.pairing.right
            )));
        }
        for (slot, (left, right)) in self.subject.layers.iter().zip(&self.partner.layers).enumerate() {
            if self.own.get(layer) != Some(right) || !self.sink.wants(slot) {
                continue;
            }
            let place = self.layers.iter().position(|known| known == left);
            let first = place.and_then(|place| self.held.batches.get(&place)?.get(batch));
            let first = first.ok_or_else(|| WorkerError::task("a layer of the first encoder is missing"))?;
            self.sink.pair(slot, first.wide().view(), wide.view(), columns)?;
        }
        Ok(())
    }

    fn wide_rows(&mut self, _: ArrayView2<'_, f64>, _: &Columns) -> Result<(), WorkerError> {
        Err(WorkerError::task("an encoder pushes rows of single precision"))
    }
}

fn matrices(
    sources: &Sources<'_>,
    partner: &Partner,
    shard: u64,
    sink: &mut dyn RowSink,
) -> Result<Tally, WorkerError> {
    let subject = sources.subject;
    let range = matrix::rows_of(sources, shard)?;
    let read = |spec, facts, name: &str| {
        let failed = |source| WorkerError::Dataset { field: format!("dataset.{name}.source"), source };
        read_matrix(spec, facts, sources.base, range.clone()).map_err(failed)
    };
    let left = read(&subject.dataset, &subject.dataset_facts, &subject.dataset.name)?;
    let right = read(&partner.dataset, &partner.dataset_facts, &partner.dataset.name)?;
    let columns = matrix::described(sources, range.clone())?;
    for places in (0..left.nrows()).collect::<Vec<_>>().chunks(BATCH_ROWS) {
        let (a, b) = (left.select(Axis(0), places), right.select(Axis(0), places));
        sink.pair(0, a.view(), b.view(), &columns.select(places))?;
    }
    Ok(Tally { dataset_rows: range.end - range.start, ..Tally::default() })
}
