//! Chance that is keyed by the seed and a global name, never by the place of a row in a shard.

/// Mixes a word (splitmix64; Steele, Lea & Flood 2014).
pub(crate) const fn splitmix64(word: u64) -> u64 {
    let mut z = word.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Hashes a whole number under a seed.
pub(crate) const fn of_number(seed: u64, number: u64) -> u64 {
    splitmix64(splitmix64(seed) ^ number)
}

/// Hashes a text under a seed: FNV-1a, mixed.
pub(crate) fn of_text(seed: u64, text: &str) -> u64 {
    let folded = text
        .bytes()
        .fold(0xCBF2_9CE4_8422_2325_u64, |h, byte| (h ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3));
    of_number(seed, folded)
}

/// Maps a hash to `0..n` without bias beyond 2⁻⁶⁴ n; 0 when `n` is 0.
pub(crate) const fn below(hash: u64, n: u64) -> u64 {
    ((hash as u128 * n as u128) >> 64) as u64
}

/// Maps a hash to [0, 1).
pub(crate) fn unit(hash: u64) -> f64 {
    (hash >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_cover_the_range_evenly() {
        let mut counts = [0_u32; 5];
        for i in 0..5000 {
            counts[below(of_number(3, i), 5) as usize] += 1;
        }
        assert!(counts.iter().all(|&c| (900..1100).contains(&c)), "{counts:?}");
        assert_eq!(below(u64::MAX, 7), 6);
        assert_eq!(below(u64::MAX, 0), 0);
    }

    #[test]
    fn texts_and_seeds_give_other_hashes() {
        assert_ne!(of_text(0, "cat"), of_text(0, "dog"));
        assert_ne!(of_text(0, "cat"), of_text(1, "cat"));
        assert!((0.0..1.0).contains(&unit(u64::MAX)));
    }
}
