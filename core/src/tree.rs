//! The merge tree: which states merge with which, in which order.
//!
//! Leaves are shards. Node (level, index) covers shards `index << level .. (index + 1) << level`, cut at the number of
//! shards. Every node is the merge of its two children, left first, so the association of a sum depends on the shards
//! alone: not on how many shards a task took, nor on who worked or in which order answers came.

use serde::{Deserialize, Serialize};
use std::ops::Range;

/// A node of the merge tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Node {
    /// 0 for a shard; a node of level `l` covers `2^l` shards.
    pub level: u32,
    /// Place in the level.
    pub index: u64,
}

impl Node {
    /// The shards under this node, cut at `shards`.
    #[must_use]
    pub fn shards(self, shards: u64) -> Range<u64> {
        (self.index << self.level).min(shards)..((self.index + 1) << self.level).min(shards)
    }
}

/// Nodes of `level` that cover `shards` shards, in order.
#[must_use]
pub fn nodes(level: u32, shards: u64) -> Vec<Node> {
    (0..shards.div_ceil(1 << level)).map(|index| Node { level, index }).collect()
}

/// Lowest level at which at most `most` nodes cover `shards` shards.
#[must_use]
pub fn level_with_at_most(most: u64, shards: u64) -> u32 {
    let mut level = 0;
    while shards.div_ceil(1 << level) > most {
        level += 1;
    }
    level
}

/// Merges neighbouring nodes of one level, given in order from an aligned first node, pairwise up to one value.
///
/// A lone right-most value moves up unmerged. Returns `None` for an empty list.
///
/// # Errors
/// The first error of `merge`.
pub fn fold<T, E>(mut values: Vec<T>, mut merge: impl FnMut(T, T) -> Result<T, E>) -> Result<Option<T>, E> {
    while values.len() > 1 {
        let mut up = Vec::with_capacity(values.len().div_ceil(2));
        let mut pairs = values.into_iter();
        while let Some(left) = pairs.next() {
            up.push(match pairs.next() {
                Some(right) => merge(left, right)?,
                None => left,
            });
        }
        values = up;
    }
    Ok(values.pop())
}

/// Neighbouring nodes of one level merged as they come, in order: the association is that of [`fold`], and no more than one value
/// for each level of the tree is held.
#[derive(Debug, Clone)]
pub struct Growing<T> {
    taken: u64,
    open: Vec<T>,
}

impl<T> Default for Growing<T> {
    fn default() -> Self {
        Self { taken: 0, open: Vec::new() }
    }
}

impl<T> Growing<T> {
    /// Takes the next value.
    ///
    /// # Errors
    /// The first error of `merge`.
    pub fn push<E>(&mut self, value: T, mut merge: impl FnMut(T, T) -> Result<T, E>) -> Result<(), E> {
        self.taken += 1;
        let mut value = value;
        for _ in 0..self.taken.trailing_zeros() {
            if let Some(left) = self.open.pop() {
                value = merge(left, value)?;
            }
        }
        self.open.push(value);
        Ok(())
    }

    /// Merges what is left of different levels. Returns `None` when nothing came.
    ///
    /// # Errors
    /// The first error of `merge`.
    pub fn finish<E>(mut self, mut merge: impl FnMut(T, T) -> Result<T, E>) -> Result<Option<T>, E> {
        let Some(mut right) = self.open.pop() else { return Ok(None) };
        while let Some(left) = self.open.pop() {
            right = merge(left, right)?;
        }
        Ok(Some(right))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn association(leaves: Range<u64>) -> String {
        let merge = |a: String, b: String| Ok::<_, ()>(format!("({a}{b})"));
        fold(leaves.map(|i| format!("{i},")).collect(), merge).unwrap().unwrap_or_default()
    }

    #[test]
    fn merging_by_blocks_associates_as_merging_all_at_once() {
        for shards in 1..40 {
            let whole = association(0..shards);
            for level in 0..6 {
                let blocks =
                    nodes(level, shards).into_iter().map(|n| association(n.shards(shards))).collect();
                let merged = fold(blocks, |a, b| Ok::<_, ()>(format!("({a}{b})"))).unwrap().unwrap();
                assert_eq!(merged, whole, "{shards} shards, blocks of level {level}");
            }
        }
    }

    #[test]
    fn values_merged_as_they_come_associate_alike_and_few_are_held() {
        let merge = |a: String, b: String| Ok::<_, ()>(format!("({a}{b})"));
        for leaves in 0..40_u64 {
            let mut growing = Growing::default();
            for leaf in 0..leaves {
                growing.push(format!("{leaf},"), merge).unwrap();
                assert!(growing.open.len() <= 6, "{leaves} leaves");
            }
            assert_eq!(growing.finish(merge).unwrap().unwrap_or_default(), association(0..leaves));
        }
    }

    #[test]
    fn the_nodes_of_a_level_cover_every_shard_once() {
        for shards in 1..70 {
            for level in 0..7 {
                let covered: Vec<u64> =
                    nodes(level, shards).into_iter().flat_map(|n| n.shards(shards)).collect();
                assert_eq!(covered, (0..shards).collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn the_chosen_level_is_the_lowest_that_fits() {
        assert_eq!(level_with_at_most(32, 32), 0);
        assert_eq!(level_with_at_most(32, 33), 1);
        assert_eq!(level_with_at_most(32, 1), 0);
        assert_eq!(level_with_at_most(1, 5), 3);
    }
}
