//! Ways to cut a cloud into shards and batches and to merge what the shards give.

use crate::Cloud;
use std::ops::Range;

/// In which order and association the states of shards are merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Merging {
    /// The tree of the plan, as a worker does.
    Tree,
    /// One after the other, from the first.
    Left,
    /// One after the other, from the last.
    Reversed,
    /// One after the other, from the second; the first comes last.
    Rotated,
    /// Not at all: the run of the only shard is finished as it is.
    None,
}

/// Shards of batches of rows, and how they are merged.
#[derive(Debug, Clone)]
pub(crate) struct Cut {
    pub(crate) shards: Vec<Vec<Range<usize>>>,
    pub(crate) merging: Merging,
}

impl Cut {
    /// One shard of one batch, merged as a worker merges a single shard.
    pub(crate) fn whole(cloud: &Cloud) -> Self {
        Self::of(cloud, 1, usize::MAX, Merging::Tree)
    }

    /// About equal shards, each of batches of at most `batch` rows; rows that stay together are not parted.
    pub(crate) fn of(cloud: &Cloud, shards: usize, batch: usize, merging: Merging) -> Self {
        let (rows, unit) = (cloud.len(), cloud.together());
        let shard = rows.div_ceil(shards).next_multiple_of(unit).max(unit);
        let batch = if batch >= rows { shard } else { batch.next_multiple_of(unit) };
        let pieces = |range: Range<usize>, size: usize| {
            range.clone().step_by(size).map(move |from| from..(from + size).min(range.end))
        };
        let shards: Vec<Vec<_>> = pieces(0..rows, shard).map(|rows| pieces(rows, batch).collect()).collect();
        let shards = if shards.is_empty() { vec![Vec::new()] } else { shards };
        Self { shards, merging }
    }

    /// Puts a shard without rows at a place.
    pub(crate) fn with_empty_shard(mut self, place: usize) -> Self {
        self.shards.insert(place, Vec::new());
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::Array2;

    fn cloud(rows: usize) -> Cloud {
        Cloud::new(&Array2::zeros((rows, 2)))
    }

    #[test]
    fn shards_and_batches_cover_the_rows_in_order() {
        let cut = Cut::of(&cloud(10), 3, 3, Merging::Tree);
        assert_eq!(cut.shards.concat(), [0..3, 3..4, 4..7, 7..8, 8..10]);
        assert_eq!(cut.shards.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
        assert_eq!(Cut::whole(&cloud(10)).shards.concat().len(), 1);
    }

    #[test]
    fn no_rows_are_one_empty_shard() {
        assert_eq!(Cut::of(&cloud(0), 3, 3, Merging::Tree).shards, [vec![]]);
        let twice = Cut::of(&cloud(4), 1, 2, Merging::Left).with_empty_shard(1);
        assert_eq!(twice.shards, [vec![0..2, 2..4], vec![]]);
    }
}
