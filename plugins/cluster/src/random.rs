//! Randomness that depends on the seed and on a row's global id, never on how the rows were cut.

/// Mixes 64 bits (the finaliser of splitmix64).
const fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// Draws the key of a row: rows with the smallest keys make a random sample.
pub(crate) const fn row_key(seed: u64, row: i64) -> u64 {
    mix(mix(seed) ^ row.cast_unsigned())
}

/// A sequence of numbers of one seed and stream.
#[derive(Debug, Clone)]
pub(crate) struct Stream(u64);

impl Stream {
    pub(crate) const fn new(seed: u64, stream: u64) -> Self {
        Self(mix(mix(seed) ^ stream))
    }

    /// Draws a number in [0, 1).
    pub(crate) fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        (mix(self.0) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_spread_over_the_unit_interval_and_differ_by_stream() {
        let draw = |stream| {
            let mut numbers = Stream::new(1, stream);
            (0..1000).map(|_| numbers.uniform()).collect::<Vec<_>>()
        };
        let (a, b) = (draw(0), draw(1));
        assert!((a.iter().sum::<f64>() / 1000.0 - 0.5).abs() < 0.05);
        assert!(a.iter().all(|u| (0.0..1.0).contains(u)));
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() > 0.0));
    }

    #[test]
    fn keys_depend_on_seed_and_row() {
        assert_ne!(row_key(0, 1), row_key(0, 2));
        assert_ne!(row_key(0, 1), row_key(1, 1));
    }
}
