//! Draws keyed by the seed and the row or the group, never by the shard.

use isoscope_plugin_sdk::prelude::*;

/// Mixes a number so that every bit of it counts (splitmix64; Steele, Lea & Flood 2014). Different numbers stay different.
fn mix(number: u64) -> u64 {
    let z = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Hashes a row; rows of other ids get other hashes.
pub(crate) fn hash_row(seed: u64, row: u64) -> u64 {
    mix(mix(seed) ^ row)
}

/// Hashes the key of a group (FNV-1a, then mixed with the seed).
pub(crate) fn hash_key(seed: u64, key: &str) -> u64 {
    let fnv = key.bytes().fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    });
    mix(mix(seed) ^ fnv)
}

/// The items with the lowest hashes among those given, however they are cut and merged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Lowest<T> {
    most: usize,
    /// Highest hash that may still be among the lowest.
    bound: u64,
    items: Vec<(u64, T)>,
}

impl<T> Lowest<T> {
    /// Makes an empty draw of at most `most` items.
    pub(crate) const fn new(most: usize) -> Self {
        Self { most, bound: u64::MAX, items: Vec::new() }
    }

    /// Says whether an item of this hash may be among the lowest.
    pub(crate) const fn takes(&self, hash: u64) -> bool {
        self.most > 0 && hash <= self.bound
    }

    /// Gives an item.
    pub(crate) fn give(&mut self, hash: u64, item: T) {
        if self.takes(hash) {
            self.items.push((hash, item));
            // Pruned at twice the size, a draw costs a constant time an item.
            if self.items.len() >= 2 * self.most {
                self.prune();
            }
        }
    }

    /// Gives the items of another draw of the same size.
    pub(crate) fn merge(&mut self, other: Self) {
        self.items.extend(other.items);
        self.prune();
    }

    /// Returns the items with the lowest hashes, ascending.
    pub(crate) fn finish(mut self) -> Vec<(u64, T)> {
        self.prune();
        self.items.sort_unstable_by_key(|(hash, _)| *hash);
        self.items
    }

    fn prune(&mut self) {
        if self.most > 0 && self.items.len() > self.most {
            let (_, last, _) = self.items.select_nth_unstable_by_key(self.most - 1, |(hash, _)| *hash);
            self.bound = last.0;
            self.items.truncate(self.most);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_are_the_same_however_they_are_cut() {
        let all: Vec<u64> = (0..1000).map(|row| hash_row(7, row)).collect();
        let mut expected = all.clone();
        expected.sort_unstable();
        expected.truncate(10);
        for cut in [0, 3, 500, 1000] {
            let (mut a, mut b) = (Lowest::new(10), Lowest::new(10));
            all[..cut].iter().for_each(|hash| a.give(*hash, ()));
            all[cut..].iter().for_each(|hash| b.give(*hash, ()));
            a.merge(b);
            let found: Vec<u64> = a.finish().into_iter().map(|(hash, ())| hash).collect();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn fewer_items_than_the_draw_are_all_kept() {
        let mut draw = Lowest::new(100);
        (0..40).for_each(|row| draw.give(hash_row(1, row), row));
        assert_eq!(draw.finish().len(), 40);
    }

    #[test]
    fn other_seeds_draw_other_rows_and_groups() {
        assert_ne!(hash_row(0, 1), hash_row(1, 0));
        assert_ne!(hash_key(0, "the"), hash_key(1, "the"));
        assert_ne!(hash_key(0, "the"), hash_key(0, "teh"));
    }
}
