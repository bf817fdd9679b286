//! The rows that lie farthest from their centroids: what empty clusters start from again.

use isoscope_plugin_sdk::prelude::*;

use crate::exact_sum::ExactSums;

/// Most rows kept; more empty clusters than that are re-seeded over several passes.
const MOST: usize = 16;

/// Relative difference of two squared distances that counts as none: both rows of a cluster of two are equally far from
/// their mean, and rounding must not decide between them.
const TIE: f64 = 1e-12;

/// A row far from its centroid.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Far {
    distance: f64,
    id: i64,
    label: usize,
    row: Vec<f64>,
}

impl Far {
    /// Farther rows come first, of equally far ones the smaller id.
    fn precedes(&self, distance: f64, id: i64) -> bool {
        self.distance > distance || (self.distance >= distance && self.id <= id)
    }
}

/// The farthest rows, in order; the set does not depend on the order in which rows are offered or parts are merged.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Farthest {
    most: usize,
    rows: Vec<Far>,
}

impl Farthest {
    /// Builds the empty list for `k` clusters, of which at most `k - 1` can be empty.
    pub(crate) fn new(k: usize) -> Self {
        Self { most: MOST.min(k - 1), rows: Vec::new() }
    }

    /// Forgets all rows and takes no more: no cluster is empty, so none is needed.
    pub(crate) fn close(&mut self) {
        *self = Self::default();
    }

    /// Offers a row at a squared distance from the centroid `label`.
    pub(crate) fn offer(&mut self, distance: f64, id: i64, label: usize, row: &[f64]) {
        let full = self.rows.len() >= self.most;
        if distance <= 0.0 || self.most == 0 || (full && self.rows[self.most - 1].precedes(distance, id)) {
            return;
        }
        // The row that falls out lends its buffer.
        let mut buffer =
            if full { self.rows.pop().map(|far| far.row).unwrap_or_default() } else { Vec::new() };
        buffer.clear();
        buffer.extend_from_slice(row);
        let place = self.rows.partition_point(|far| far.precedes(distance, id));
        self.rows.insert(place, Far { distance, id, label, row: buffer });
    }

    /// Offers all rows of another part.
    pub(crate) fn merge(&mut self, other: &Self) {
        other.rows.iter().for_each(|far| self.offer(far.distance, far.id, far.label, &far.row));
    }

    /// The rows from the farthest on; of those that are equally far up to rounding the smallest id first.
    fn in_order(&self) -> Vec<&Far> {
        let mut rows: Vec<&Far> = self.rows.iter().collect();
        let mut rest = &mut rows[..];
        while let Some(first) = rest.first() {
            let floor = first.distance * (1.0 - TIE);
            let tied = rest.partition_point(|far| far.distance >= floor);
            let (ties, after) = rest.split_at_mut(tied);
            ties.sort_by_key(|far| far.id);
            rest = after;
        }
        rows
    }

    /// Moves the farthest rows out of their clusters into those that are empty, one each. Equal rows count once, and no
    /// cluster loses its last row. Answers how many clusters were filled.
    pub(crate) fn fill(&self, counts: &mut [u64], sums: &mut ExactSums, d: usize) -> u64 {
        let empty: Vec<usize> = (0..counts.len()).filter(|&c| counts[c] == 0).collect();
        let (mut empty, mut filled) = (empty.into_iter(), 0);
        let mut taken: Vec<&[f64]> = Vec::new();
        for far in self.in_order() {
            if counts.get(far.label).is_none_or(|count| *count < 2) || taken.contains(&&far.row[..]) {
                continue;
            }
            let Some(cluster) = empty.next() else { break };
            let minus: Vec<f64> = far.row.iter().map(|x| -x).collect();
            sums.add(far.label * d, &minus);
            sums.add(cluster * d, &far.row);
            counts[far.label] -= 1;
            counts[cluster] += 1;
            taken.push(&far.row);
            filled += 1;
        }
        filled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(rows: &[(f64, i64)]) -> Farthest {
        let mut far = Farthest::new(4);
        for (distance, id) in rows {
            far.offer(*distance, *id, 0, &[*distance]);
        }
        far
    }

    #[test]
    fn the_farthest_rows_stay_and_ties_go_to_the_smallest_id() {
        let rows = [(1.0, 5), (2.0, 9), (2.0, 3), (0.0, 1), (0.5, 2), (2.0, 7)];
        let ids = |far: &Farthest| far.rows.iter().map(|f| f.id).collect::<Vec<_>>();
        assert_eq!(ids(&list(&rows)), vec![3, 7, 9]);
        let mut merged = list(&rows[3..]);
        merged.merge(&list(&rows[..3]));
        assert_eq!(merged, list(&rows));
    }

    #[test]
    fn equal_rows_fill_one_cluster_and_no_cluster_is_emptied() {
        let far = list(&[(4.0, 1), (4.0, 2), (3.0, 5)]);
        let (mut counts, mut sums) = ([3, 0, 0, 0], ExactSums::new(4));
        sums.add(0, &[11.0]);
        assert_eq!(far.fill(&mut counts, &mut sums, 1), 2);
        assert_eq!(counts, [1, 1, 1, 0]);
        assert_eq!((0..3).map(|c| sums.total(c)).collect::<Vec<_>>(), vec![4.0, 4.0, 3.0]);
    }
}
