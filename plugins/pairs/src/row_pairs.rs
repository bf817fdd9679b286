//! The pairs of rows that sampled metrics look at.

use isoscope_plugin_sdk::prelude::*;

/// Why there are no pairs.
pub(crate) const FEW_ROWS: &str = "fewer than 2 rows";

/// Greatest whole number below which every whole number is a float.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Where pairs of rows come from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum RowPairs {
    /// By global row id.
    Given(Vec<(i64, i64)>),
    /// Drawn by a hash of seed and draw, uniformly over the ordered pairs of different rows, with replacement.
    Drawn { draws: u64, seed: u64 },
}

impl RowPairs {
    /// Reads the parameters: a flat list of row ids `i₀ j₀ i₁ j₁ …`, and the number of draws when it is empty.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an odd list, an id that is not a whole number, a row with itself, and no draws.
    pub(crate) fn read(flat: &[f64], draws: u64, seed: u64) -> Result<Self> {
        if flat.is_empty() {
            return match draws {
                0 => Err(Error::invalid("parameter \"draws\" must be at least 1")),
                _ => Ok(Self::Drawn { draws, seed }),
            };
        }
        let (pairs, rest) = flat.as_chunks::<2>();
        if !rest.is_empty() {
            return Err(Error::Invalid(format!(
                "parameter \"pairs\" lists two rows a pair, got {} numbers",
                flat.len()
            )));
        }
        if let Some(id) = flat.iter().find(|id| id.fract() != 0.0 || id.abs() > EXACT) {
            return Err(Error::Invalid(format!("parameter \"pairs\" lists whole row ids, got {id}")));
        }
        let pairs: Vec<_> = pairs.iter().map(|[a, b]| (*a as i64, *b as i64)).collect();
        match pairs.iter().find(|(a, b)| a == b) {
            Some((a, _)) => Err(Error::Invalid(format!("parameter \"pairs\" pairs row {a} with itself"))),
            None => Ok(Self::Given(pairs)),
        }
    }

    /// Returns the pairs as positions in the sample, or why there are none.
    pub(crate) fn positions(&self, sample: &Sample) -> core::result::Result<Vec<(usize, usize)>, String> {
        let n = sample.len();
        if n < 2 {
            return Err(FEW_ROWS.to_owned());
        }
        match self {
            Self::Given(pairs) => {
                let find = |id: i64| {
                    sample
                        .ids()
                        .binary_search(&id)
                        .map_err(|_| format!("row {id} of the given pairs is not in the sample of {n} rows"))
                };
                pairs.iter().map(|(a, b)| Ok((find(*a)?, find(*b)?))).collect()
            }
            Self::Drawn { draws, seed } => {
                let draw = |number: u64| {
                    let hash = splitmix64(splitmix64(*seed) ^ number);
                    let first = below(hash, n);
                    let second = below(splitmix64(hash), n - 1);
                    (first, second + usize::from(second >= first))
                };
                Ok((0..*draws).map(draw).collect())
            }
        }
    }
}

/// Hashes a number (the finaliser of splitmix64).
fn splitmix64(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Maps a hash to a number below `n`.
fn below(hash: u64, n: usize) -> usize {
    ((u128::from(hash) * n as u128) >> 64) as usize
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn hashes_below_a_number_are_even() {
        let mut counts = [0; 7];
        (0..70_000).for_each(|i| counts[below(splitmix64(i), 7)] += 1);
        assert!(counts.iter().all(|count| (9_600..10_400).contains(count)), "{counts:?}");
    }

    #[test]
    fn lists_that_are_no_pairs_of_rows_are_refused() {
        for (flat, reason) in [
            (vec![1.0, 2.0, 3.0], "two rows a pair, got 3"),
            (vec![1.0, 2.5], "whole row ids, got 2.5"),
            (vec![4.0, 4.0], "row 4 with itself"),
        ] {
            let error = RowPairs::read(&flat, 1, 0).unwrap_err().to_string();
            assert!(error.contains(reason), "{error}");
        }
        assert!(RowPairs::read(&[], 0, 0).is_err());
    }
}
