//! The rows with the smallest keys: the first rows, or a random sample, of any stream of rows.

use std::collections::BinaryHeap;

use isoscope_plugin_sdk::prelude::*;
use ndarray::CowArray;

/// Returns the global ids of the rows of a batch: the column `row`, or the place in the whole where it is missing.
pub(crate) fn row_ids(batch: &Batch<'_>) -> Vec<i64> {
    let column = batch.i64s("row").ok();
    let first = batch.first_row().cast_signed();
    (0..batch.len()).map(|i| column.and_then(|ids| ids.get(i)).unwrap_or(first + i as i64)).collect()
}

/// Views rows so that each is a slice; copies them only when the host laid them out otherwise.
#[must_use]
pub fn sliceable(rows: ArrayView2<'_, f64>) -> CowArray<'_, f64, ndarray::Ix2> {
    let first = rows.rows().into_iter().next();
    if first.is_none_or(|row| row.to_slice().is_some()) {
        rows.into()
    } else {
        rows.as_standard_layout().into_owned().into()
    }
}

/// The rows of the smallest (key, id) seen so far, at most `capacity` of them.
///
/// The set does not depend on the order in which rows are offered or parts are merged.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct BottomRows {
    capacity: usize,
    cols: usize,
    kept: BinaryHeap<Kept>,
    rows: Vec<f64>,
}

/// A kept row and where it lies. Ordered by key, then id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Kept {
    key: u64,
    id: i64,
    slot: usize,
}

impl BottomRows {
    pub(crate) fn new(capacity: usize, cols: usize) -> Self {
        Self { capacity, cols, kept: BinaryHeap::new(), rows: Vec::new() }
    }

    /// Offers a row.
    pub(crate) fn offer(&mut self, key: u64, id: i64, row: &[f64]) {
        if self.kept.len() < self.capacity {
            self.kept.push(Kept { key, id, slot: self.kept.len() });
            self.rows.extend_from_slice(row);
            return;
        }
        let Some(mut last) = self.kept.peek_mut() else { return };
        if (key, id) < (last.key, last.id) {
            let slot = last.slot;
            *last = Kept { key, id, slot };
            self.rows[slot * self.cols..(slot + 1) * self.cols].copy_from_slice(row);
        }
    }

    /// Offers all rows of another part.
    ///
    /// # Errors
    /// Refuses a part whose sizes disagree.
    pub(crate) fn merge(&mut self, other: &Self) -> Result<()> {
        for kept in &other.kept {
            self.offer(kept.key, kept.id, other.row(kept.slot)?);
        }
        Ok(())
    }

    /// Returns the kept rows (m×d) and their ids, in ascending order of the ids.
    ///
    /// # Errors
    /// Refuses a state whose sizes disagree.
    pub(crate) fn by_id(self) -> Result<(Vec<i64>, Array2<f64>)> {
        let mut order: Vec<(i64, usize)> = self.kept.iter().map(|kept| (kept.id, kept.slot)).collect();
        order.sort_unstable();
        let mut rows = Array2::zeros((order.len(), self.cols));
        for (mut target, (_, slot)) in rows.rows_mut().into_iter().zip(&order) {
            target.assign(&ArrayView1::from(self.row(*slot)?));
        }
        Ok((order.into_iter().map(|(id, _)| id).collect(), rows))
    }

    fn row(&self, slot: usize) -> Result<&[f64]> {
        let row = self.rows.get(slot * self.cols..(slot + 1) * self.cols);
        row.ok_or_else(|| Error::invalid("a state of kept rows has lost a row"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::random::row_key;

    fn part(ids: impl Iterator<Item = i64>) -> BottomRows {
        let mut rows = BottomRows::new(5, 2);
        ids.for_each(|id| rows.offer(row_key(9, id), id, &[id as f64, -id as f64]));
        rows
    }

    #[test]
    fn the_sample_does_not_depend_on_order_or_cuts() {
        let whole = part(0..100).by_id().unwrap();
        assert_eq!(whole.0.len(), 5);
        assert!(whole.0.iter().zip(whole.1.rows()).all(|(id, row)| (row[0] - *id as f64).abs() < 1e-12));
        let mut merged = part(60..100);
        merged.merge(&part((0..60).rev())).unwrap();
        merged.merge(&BottomRows::new(5, 2)).unwrap();
        assert_eq!(merged.by_id().unwrap(), whole);
    }

    #[test]
    fn fewer_rows_than_the_capacity_are_all_kept() {
        assert_eq!(part([7, 3].into_iter()).by_id().unwrap().0, vec![3, 7]);
        assert_eq!(BottomRows::new(0, 2).by_id().unwrap().1.dim(), (0, 2));
    }
}
